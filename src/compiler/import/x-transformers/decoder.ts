import { type ImportLog, say } from '../draft.ts';
import type { FieldReader } from '../fields.ts';
import { type CallPlan, defaultBuckets, defaultMaxDistance, t5Draft } from './call.ts';

/** The biases that a `Decoder` makes from positions, for all its layers. */
export function importPositions(decoder: FieldReader, heads: number, headDim: number): Pick<CallPlan, 'alibi' | 't5'> {
  const alibi = decoder.boolean('alibi_pos_bias', false);
  const alibiHeads = decoder.positiveInteger('alibi_num_heads') ?? heads;
  const t5 = decoder.boolean('rel_pos_bias', false);
  const buckets = decoder.positiveInteger('rel_pos_num_buckets') ?? defaultBuckets;
  const maxDistance = decoder.positiveInteger('rel_pos_max_distance') ?? defaultMaxDistance;
  return {
    ...(alibi && { alibi: { heads: alibiHeads } }),
    ...(t5 && { t5: t5Draft({ buckets, maxDistance, scale: headDim ** 0.5, causal: true }) }),
  };
}

/** The first layer's values are mixed into those of all later layers: by a learned gate, or by halves. */
export function importValueResidual(
  decoder: FieldReader,
  layers: number | undefined,
  log: ImportLog,
): 'learned' | 'half' | undefined {
  const wanted = decoder.boolean('add_value_residual', false);
  const learned = decoder.boolean('learned_value_residual_mix', true);
  if (!wanted) return undefined;
  if (layers === 1) {
    const place = decoder.path('add_value_residual');
    say(log, 'IMP004', place, `${place} has no effect on a single layer`);
    return undefined;
  }
  return learned ? 'learned' : 'half';
}
