import type { BufferDecl } from '../../runtime/abi1/definition.ts';
import { constantOf } from '../check/dims.ts';
import type { AttnModule } from '../ir/nodes.ts';
import type { KernelPlan } from './kernel-plan.ts';
import type { PlannedDispatch } from './planned.ts';
import { scratch } from './scratch.ts';
import { foldArrays } from './workgroup-memory.ts';

export interface SamplingProgram {
  readonly dispatches: readonly PlannedDispatch[];
  readonly buffers: readonly BufferDecl[];
}

/** Logits that a workgroup looks through: four for each of its lanes. */
const partSize = 1024;

/** Draws from logits; nothing where there are no logits, or where no text is continued. */
export function planSampling(module: AttnModule): SamplingProgram {
  const vocab = constantOf(module.tensors.get('logits')?.shape.at(-1) ?? 0) ?? 0;
  const isContinued = module.nodes.every((node) => node.op !== 'attention' || node.mask.causal);
  if (module.kind !== 'model' || vocab === 0 || !isContinued) return { dispatches: [], buffers: [] };
  const parts = Math.ceil(vocab / partSize);
  const common = { vocab, threads: 256, workgroup: foldArrays(256) };
  const maxima: KernelPlan = { stage: 'logit_maxima', ...common, partSize };
  const sample: KernelPlan = { stage: 'sample', ...common, parts };
  const bind = { logits: 'logits', maxima: 'logit_maxima', places: 'logit_places' };
  return {
    dispatches: [
      { plan: maxima, bind, grid: [parts, 'B', 1] },
      { plan: sample, bind: { ...bind, tokens: 'tokens' }, grid: ['B', 1, 1] },
    ],
    buffers: [
      scratch('logit_maxima', 'f32', ['B', parts]),
      scratch('logit_places', 'u32', ['B', parts]),
      { name: 'tokens', role: 'output', dtype: 'u32', shape: ['B'] },
    ],
  };
}
