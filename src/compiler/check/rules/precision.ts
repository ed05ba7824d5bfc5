import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { AttentionShape } from '../shaped-spec.ts';

/** Reports OPT002: `compute: f16` where no kernel with matrices can serve. */
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

/** What keeps attention from matrices, whatever the device. */
function obstacleOf(spec: BoundSpec, hooks: AttentionShape['hooks']): readonly [AnyPath, string] | undefined {
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
