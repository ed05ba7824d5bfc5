import type { PerSequence } from './per-sequence.ts';
import type { SamplingOptions } from './sampling.ts';
import type { Tensor } from './tensor.ts';

/**
 * `[B, vocab]`, or `[B, I, vocab]` when all are asked for; rows beyond a shorter sequence's end are zero. Of a model without a
 * head the hidden states, `[B, I, hidden]`.
 */
export type Logits<Vocab extends number = number> = Tensor<
  'f32',
  readonly [batch: number, vocab: Vocab] | readonly [batch: number, tokens: number, vocab: Vocab]
>;

export interface PrefillOptions {
  /**
   * First tokens that all tokens see, those before them too, for a module with `mask.prefix: runtime`. Counts from the start
   * of the sequence, and holds from the first call until `reset`; default 0.
   */
  readonly prefix?: PerSequence;
}

export interface GenerateOptions extends SamplingOptions, PrefillOptions {
  /** Default: until the cache is full. */
  readonly maxTokens?: number;
  /** Ids that end the text; they are not yielded. */
  readonly stop?: readonly number[];
  readonly signal?: AbortSignal;
}
