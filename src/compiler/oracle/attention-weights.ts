import type { AttentionNode } from '../ir/nodes.ts';

/** Weights of the columns of one row from their logits. The sink takes part in the sum, not in the result. */
export function weightsOf(
  normalizer: AttentionNode['normalizer'],
  logits: readonly number[],
  sink: number | undefined,
): readonly number[] {
  switch (normalizer.kind) {
    case 'sigmoid':
      return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
    case 'softmax':
      return softmax(logits, sink);
    case 'topk':
      return topkSoftmax(logits, sink, normalizer.k);
  }
}

/** An entry of −∞ gets weight 0. All entries −∞: all weights 0. */
function softmax(logits: readonly number[], sink = Number.NEGATIVE_INFINITY): readonly number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b), sink);
  if (largest === Number.NEGATIVE_INFINITY) return logits.map(() => 0);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), Math.exp(sink - largest));
  return logits.map((logit) => Math.exp(logit - largest) / total);
}

/** The k largest entries of the row, the sink among them, and all that equal the smallest of these. */
function topkSoftmax(logits: readonly number[], sink: number | undefined, k: number): readonly number[] {
  const row = sink === undefined ? logits : [...logits, sink];
  const least = [...row].sort((a, b) => b - a)[k - 1] ?? Number.NEGATIVE_INFINITY;
  const keep = (logit: number) => (logit >= least ? logit : Number.NEGATIVE_INFINITY);
  return softmax(logits.map(keep), sink === undefined ? undefined : keep(sink));
}
