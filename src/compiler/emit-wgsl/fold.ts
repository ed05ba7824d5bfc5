import type { KernelPlan } from '../plan/kernel-plan.ts';
import { wgsl } from './wgsl.ts';

type FoldPlan = Pick<KernelPlan, 'threads' | 'workgroup'>;

/**
 * `fn NAME(lane: u32, part: f32) -> f32`: the sum or maximum of every invocation's part, the same in all of them. In two
 * steps of about √THREADS each, which takes two barriers and no subgroups. Uses the plan's arrays `lanes` and `runs`.
 */
export function foldOfLanes(name: string, { threads, workgroup }: FoldPlan, operation: 'sum' | 'max'): string {
  const runs = workgroup.find((array) => array.name === 'runs')?.length ?? 1;
  const join = (all: string, one: string) =>
    operation === 'sum' ? `${all} += ${one};` : `${all} = max(${all}, ${one});`;
  return wgsl`
    fn ${name}(lane: u32, part: f32) -> f32 {
      workgroupBarrier();
      lanes[lane] = part;
      workgroupBarrier();
      if (lane < ${runs}u) {
        var run = lanes[lane];
        for (var other = lane + ${runs}u; other < ${threads}u; other += ${runs}u) {
          ${join('run', 'lanes[other]')}
        }
        runs[lane] = run;
      }
      workgroupBarrier();
      var result = runs[0];
      for (var other = 1u; other < ${runs}u; other++) {
        ${join('result', 'runs[other]')}
      }
      return result;
    }`;
}
