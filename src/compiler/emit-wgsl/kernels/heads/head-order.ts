import type { HeadOrderPlan } from '../../../plan/attention/kernel-plan.ts';
import { type KernelSource, u32c, words } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';
import { queryHeadOf } from '../attention/heads.ts';

/** One invocation per KV head. */
export function headOrder({ heads, threads, workgroup }: HeadOrderPlan): KernelSource {
  return {
    doc: 'For each KV head the number of its active query heads, then for each KV head the active ones and the others.',
    enables: [],
    constants: { KV_HEADS: u32c(heads.kvHeads), QUERIES_PER_KV: u32c(heads.queriesPerKv) },
    bindings: [words('active_heads'), words('head_order', 'read_write')],
    workgroupArrays: workgroup,
    workgroupSize: threads,
    functions: [],
    body: wgsl`
      let kv_head = group.x * ${threads}u + lane;
      if (kv_head >= KV_HEADS) {
        return;
      }
      let first = KV_HEADS + kv_head * QUERIES_PER_KV;
      var active_members = 0u;
      var others = 0u;
      for (var member = 0u; member < QUERIES_PER_KV; member++) {
        let head = ${queryHeadOf(heads)};
        if (active_heads[head] != 0u) {
          head_order[first + active_members] = head;
          active_members++;
        } else {
          others++;
          head_order[first + QUERIES_PER_KV - others] = head;
        }
      }
      head_order[kv_head] = active_members;`,
  };
}
