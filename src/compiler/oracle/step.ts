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
  /** Keys of each sequence that all of its queries see, where that is given at run time. */
  readonly prefix: readonly number[];
  /** C: tokens of each sequence that the caches hold. */
  readonly capacity: number;
  /** The context of cross-attention: X rows of each sequence, of which `counts` are not padding. */
  readonly context?: { readonly length: number; readonly counts: readonly number[] };
  readonly logits: 'last' | 'all';
  /** Whether values that are stored are rounded to the dtype of the store. */
  readonly rounded: boolean;
  readonly tensors: Map<string, Tensor>;
}

/** The step as nodes over the rows of the context see it: all of them are new in every call. */
export function contextStep(step: Step): Step {
  if (step.context === undefined) throw new Error('input context is missing');
  const { length, counts } = step.context;
  return { ...step, length, counts, past: counts.map(() => 0) };
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
