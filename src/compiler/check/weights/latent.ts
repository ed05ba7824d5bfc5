import type { OptionPath } from '../bind.ts';
import type { AttentionShape, LatentShape } from '../shaped-spec.ts';
import { keptMatrix, matrix, vector, type WeightTemplate } from './template.ts';

/** What makes q, k and v of `mla`, in order. */
export function latentWeights(
  { heads, headDim, valueDim, hidden = 0 }: AttentionShape,
  { qRank, kvRank, ropeDim, nopeDim, bias, cache }: LatentShape,
  at: (name: string) => string,
  hiddenOption: OptionPath,
): readonly WeightTemplate[] {
  const counted: OptionPath = 'attention.q_heads';
  const kv: OptionPath = 'attention.mla.kv_rank';
  const q: OptionPath = 'attention.mla.q_rank';
  const queries = heads.qHeads * headDim;
  // With a cache of latent rows it multiplies parts of heads, by columns as well as by rows.
  const expansion = cache === 'latent' ? keptMatrix : matrix;
  return [
    ...(qRank === undefined
      ? [matrix(at('q.weight'), [queries, hidden], [counted, hiddenOption])]
      : [
          matrix(at('q_a.weight'), [qRank, hidden], [q, hiddenOption]),
          ...(bias ? [vector(at('q_a.bias'), qRank, q)] : []),
          vector(at('q_a_norm.weight'), qRank, q),
          matrix(at('q_b.weight'), [queries, qRank], [counted, q]),
        ]),
    matrix(at('kv_a.weight'), [kvRank + ropeDim, hidden], [kv, hiddenOption]),
    ...(bias ? [vector(at('kv_a.bias'), kvRank + ropeDim, kv)] : []),
    vector(at('kv_a_norm.weight'), kvRank, kv),
    expansion(at('kv_b.weight'), [heads.kvHeads * (nopeDim + valueDim), kvRank], [counted, kv]),
  ];
}
