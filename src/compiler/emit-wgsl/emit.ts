import type { KernelPlan, Stage } from '../plan/kernel-plan.ts';
import { type KernelSource, printKernel, type WgslModule } from './kernel.ts';
import { append } from './kernels/append.ts';
import { attentionCombine } from './kernels/attention-combine.ts';
import { attentionSplit } from './kernels/attention-split.ts';
import { attentionTile } from './kernels/attention-tile.ts';
import { embed } from './kernels/embed.ts';
import { linearRow } from './kernels/linear-row.ts';
import { linearTile } from './kernels/linear-tile.ts';
import { norm } from './kernels/norm.ts';
import { queryHeads } from './kernels/query-heads.ts';
import { sample } from './kernels/sample.ts';

type Emitters = { readonly [S in Stage]: (plan: Extract<KernelPlan, { stage: S }>) => KernelSource };

const emitters: Emitters = {
  embed,
  norm,
  linear_tile: linearTile,
  linear_row: linearRow,
  query_heads: queryHeads,
  append,
  attention_tile: attentionTile,
  attention_split: attentionSplit,
  attention_combine: attentionCombine,
  sample,
};

/** In: a kernel plan. Out: its WGSL, with bindings in order and the workgroup memory that it takes. */
export function emitWgsl(plan: KernelPlan): WgslModule {
  const emitter = emitters[plan.stage] as (plan: KernelPlan) => KernelSource;
  return printKernel(emitter(plan));
}
