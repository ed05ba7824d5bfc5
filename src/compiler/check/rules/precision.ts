import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { AttentionShape } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';

/** Reports OPT002: `compute: f16` where no kernel with matrices can serve, or would round nothing that is not rounded anyway. */
export function resolveCompute(spec: BoundSpec, hooks: AttentionShape['hooks'], report: Report): 'f16' | undefined {
  if (spec.at('attention.precision.compute')?.value !== 'f16') return undefined;
  const obstacle = obstacleOf(spec, hooks);
  if (obstacle === undefined) return 'f16';
  const [because, reason] = obstacle;
  const notes = spec.isWritten(because) ? [note(spec.keySpan(because), 'because of this')] : [];
  report(
    'OPT002',
    spec.keySpan('attention.precision.compute'),
    { option: 'attention.precision.compute: f16', reason },
    notes,
  );
  return undefined;
}

/** Reports SCH004: `activations: f16` where what is given and written is f32. */
export function resolveActivations(spec: BoundSpec, valueDim: number | undefined, report: Report): 'f16' | undefined {
  if (spec.at('attention.precision.activations')?.value !== 'f16') return undefined;
  const obstacle = obstacleToHalves(spec, valueDim);
  if (obstacle === undefined) return 'f16';
  const [because, reason] = obstacle;
  const notes = spec.isWritten(because) ? [note(spec.keySpan(because), 'because of this')] : [];
  const args = { option: 'activations: f16', reason, help: 'delete `activations`, or write what it needs' };
  report('SCH004', spec.keySpan('attention.precision.activations'), args, notes);
  return undefined;
}

/** What keeps queries and outputs from f16. */
function obstacleToHalves(spec: BoundSpec, valueDim = 2): readonly [AnyPath, string] | undefined {
  if (!hasGivenHeads(spec))
    return [
      spec.isWritten('model') ? 'model' : 'attention.hidden',
      'it is for attention on given q, k and v; what projections read and write is f32',
    ];
  if (spec.at('attention.gates.head_scale')?.value === true)
    return ['attention.gates.head_scale', 'an output that is multiplied in place is f32'];
  if (valueDim % 2 > 0)
    return [
      spec.isWritten('attention.value_dim') ? 'attention.value_dim' : 'attention.head_dim',
      `rows of ${valueDim} entries of f16 would share a word, and words are what is written`,
    ];
  return undefined;
}

/** What keeps attention from matrices, whatever the device, or from queries of f32 to round for them. */
function obstacleOf(spec: BoundSpec, hooks: AttentionShape['hooks']): readonly [AnyPath, string] | undefined {
  if (!hasGivenHeads(spec))
    return [
      spec.isWritten('model') ? 'model' : 'attention.hidden',
      'it is for queries that are given: those of projections are rounded to f16 for matrices in any case',
    ];
  if (spec.at('attention.precision.activations')?.value === 'f16')
    return ['attention.precision.activations', 'queries are f16 already'];
  if (spec.at('attention.cache.dtype')?.value === 'f32')
    return ['attention.cache.dtype', 'it is for keys that are stored as `f16` or `int8`'];
  if (spec.at('attention.similarity')?.value === 'l2') return ['attention.similarity', 'a distance is not a product'];
  if ((spec.at('attention.head_mixing')?.value ?? []).length > 0)
    return ['attention.head_mixing', 'scores that are mixed are f32'];
  if (spec.at('attention.normalizer.kind')?.value !== 'softmax')
    return ['attention.normalizer.kind', 'scores that are not for a softmax are f32'];
  if (hooks.includes('scores') || hooks.includes('pattern'))
    return ['attention.hooks.names', 'scores and patterns that are asked for are f32'];
  if (spec.isWritten('attention.heads.active')) return ['attention.heads.active', 'scores of some heads only are f32'];
  return undefined;
}
