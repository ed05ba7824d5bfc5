/** How a token is drawn; the meaning of the fields is that of the runtime's `SamplingOptions`. */
export interface SampleOptions {
  readonly temperature: number;
  /** 0 keeps all. */
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
  /** Counts the draws of a session. */
  readonly draw: number;
}

export interface SampledToken {
  readonly token: number;
  /** Distance, in probability, to the nearest decision that would give another token: rounding may overturn small ones. */
  readonly margin: number;
}

/**
 * The next token of sequence number `sequence`, in f64. top_k keeps ties with the k-th largest logit; then the nucleus is the
 * smallest set of largest logits, ties included, that has probability top_p of what top_k kept; ids are laid side by side in
 * their order and a uniform number in [0, 1) points at one.
 */
export function sampleReference(logits: ArrayLike<number>, options: SampleOptions, sequence = 0): SampledToken {
  const values = Float64Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (options.temperature === 0) return { token: values.indexOf(largest), margin: Number.POSITIVE_INFINITY };

  const temperature = Math.fround(options.temperature);
  const weights = values.map((value) => Math.exp((value - largest) / temperature));
  const descending = values.slice().sort((a, b) => b - a);
  const kthLargest = options.topK > 0 && options.topK < values.length ? descending[options.topK - 1] : undefined;
  const nucleus = nucleusEdge(values, weights, kthLargest ?? Number.NEGATIVE_INFINITY, Math.fround(options.topP));
  return pick(weights, (id) => (values[id] as number) >= nucleus.edge, uniformDraw(options, sequence), nucleus.margin);
}

function nucleusEdge(values: Float64Array, weights: Float64Array, lowest: number, topP: number) {
  if (topP >= 1) return { edge: lowest, margin: Number.POSITIVE_INFINITY };
  const kept = Array.from(values.keys()).filter((id) => (values[id] as number) >= lowest);
  kept.sort((a, b) => (values[b] as number) - (values[a] as number));
  const total = kept.reduce((sum, id) => sum + (weights[id] as number), 0);
  let mass = 0;
  let margin = Number.POSITIVE_INFINITY;
  for (const [index, id] of kept.entries()) {
    mass += weights[id] as number;
    const next = kept[index + 1];
    if (next !== undefined && values[next] === values[id]) continue;
    margin = Math.min(margin, Math.abs(mass / total - topP));
    if (mass >= topP * total) return { edge: values[id] as number, margin };
  }
  return { edge: lowest, margin };
}

function pick(weights: Float64Array, isKept: (id: number) => boolean, uniform: number, margin: number): SampledToken {
  const kept = Array.from(weights.keys()).filter(isKept);
  const total = kept.reduce((sum, id) => sum + (weights[id] as number), 0);
  let end = 0;
  for (const id of kept) {
    const start = end;
    end += (weights[id] as number) / total;
    if (uniform >= end && id !== kept.at(-1)) continue;
    const toStart = start > 0 ? uniform - start : Number.POSITIVE_INFINITY;
    const toEnd = id === kept.at(-1) ? Number.POSITIVE_INFINITY : end - uniform;
    return { token: id, margin: Math.min(margin, toStart, toEnd) };
  }
  throw new RangeError('there are no logits');
}

/** PCG hash (Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020) of seed, draw and sequence; 24 bits of it. */
function uniformDraw({ seed, draw }: SampleOptions, sequence: number): number {
  const hash = pcg(pcg(pcg(seed) ^ draw) ^ sequence);
  return (hash >>> 8) / 2 ** 24;
}

function pcg(value: number): number {
  const state = (Math.imul(value, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}
