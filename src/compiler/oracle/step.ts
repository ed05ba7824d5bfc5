import type { Tensor } from './tensor.ts';

/** One call of the module as its nodes see it. Axes: B sequences, I tokens of the longest. */
export interface Step {
  readonly batch: number;
  /** I: rows of each sequence in activations. Rows from `counts[b]` on are padding: never read, zero in outputs. */
  readonly length: number;
  /** New tokens of each sequence. */
  readonly counts: readonly number[];
  /** Tokens of each sequence before this call; given keys may be fewer than the queries, then it is negative. */
  readonly past: readonly number[];
  readonly logits: 'last' | 'all';
  /** Whether values that are stored are rounded to the dtype of the store. */
  readonly rounded: boolean;
  readonly tensors: Map<string, Tensor>;
}

/** @throws Error when no such tensor has been written: the node list is out of order. */
export function read(step: Step, name: string): Tensor {
  const tensor = step.tensors.get(name);
  if (tensor === undefined) throw new Error(`tensor ${name} is read before it is written`);
  return tensor;
}

/** Calls `visit` for each new token that is not padding. `row` counts rows of `[B, I]`, `position` is the token's in its sequence. */
export function eachToken(step: Step, visit: (row: number, position: number, sequence: number) => void): void {
  for (const [sequence, count] of step.counts.entries()) {
    const past = step.past[sequence] ?? 0;
    for (let i = 0; i < count; i++) visit(sequence * step.length + i, past + i, sequence);
  }
}
