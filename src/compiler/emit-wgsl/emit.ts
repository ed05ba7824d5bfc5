import type { KernelPlan, Stage } from '../plan/kernel-plan.ts';
import { type KernelSource, printKernel, type WgslModule } from './kernel.ts';
import { attentionCombine } from './kernels/attention/combine.ts';
import { attentionJoin } from './kernels/attention/join.ts';
import { attentionLatent } from './kernels/attention/latent.ts';
import { attentionMatrix } from './kernels/attention/matrix.ts';
import { attentionSplit } from './kernels/attention/split.ts';
import { attentionSplitSubgroups } from './kernels/attention/split-subgroups.ts';
import { attentionTile } from './kernels/attention/tile.ts';
import { attentionScores, attentionSoftmax, attentionValues, headMix } from './kernels/attention/unfused.ts';
import { embed } from './kernels/embed.ts';
import { expertsDown, expertsUp } from './kernels/experts/experts.ts';
import { route } from './kernels/experts/route.ts';
import { append } from './kernels/heads/append.ts';
import { appendQuads } from './kernels/heads/append-quads.ts';
import { gateHeads, latentHeads, mixValues } from './kernels/heads/entries.ts';
import { headInputs } from './kernels/heads/head-inputs.ts';
import { headOrder } from './kernels/heads/head-order.ts';
import { headResults } from './kernels/heads/head-results.ts';
import { latentQueries, latentValues } from './kernels/heads/latent.ts';
import { latentMatrix } from './kernels/heads/latent-matrix.ts';
import { memoryKeys, queryHeads } from './kernels/heads/query-heads.ts';
import { rotateHeads } from './kernels/heads/rotate-heads.ts';
import { linearMatrix } from './kernels/linear/matrix.ts';
import { linearRow } from './kernels/linear/row.ts';
import { linearTile } from './kernels/linear/tile.ts';
import { norm } from './kernels/norm.ts';
import { logitMaxima, sample } from './kernels/sample.ts';

type Emitters = { readonly [S in Stage]: (plan: Extract<KernelPlan, { stage: S }>) => KernelSource };

const emitters: Emitters = {
  embed,
  norm,
  linear_tile: linearTile,
  linear_matrix: linearMatrix,
  linear_row: linearRow,
  route,
  experts_up: expertsUp,
  experts_down: expertsDown,
  latent_heads: latentHeads,
  latent_matrix: latentMatrix,
  latent_queries: latentQueries,
  latent_values: latentValues,
  query_heads: queryHeads,
  rotate_heads: rotateHeads,
  memory_keys: memoryKeys,
  append,
  append_quads: appendQuads,
  mix_values: mixValues,
  gate_heads: gateHeads,
  head_inputs: headInputs,
  head_results: headResults,
  attention_tile: attentionTile,
  attention_latent: attentionLatent,
  attention_matrix: attentionMatrix,
  attention_split: attentionSplit,
  attention_split_subgroups: attentionSplitSubgroups,
  attention_combine: attentionCombine,
  attention_join: attentionJoin,
  attention_scores: attentionScores,
  head_order: headOrder,
  head_mix: headMix,
  attention_softmax: attentionSoftmax,
  attention_values: attentionValues,
  logit_maxima: logitMaxima,
  sample,
};

/** In: a kernel plan. Out: its WGSL, with bindings in order. */
export function emitWgsl(plan: KernelPlan): WgslModule {
  const emitter = emitters[plan.stage] as (plan: KernelPlan) => KernelSource;
  return printKernel(emitter(plan));
}
