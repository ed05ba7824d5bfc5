import { UsageError } from './errors.ts';
import { checkOptions, type OptionNames } from './option-names.ts';
import type { PerSequence } from './per-sequence.ts';
import { checkSampling, type SamplingOptions, samplingOptions } from './sampling.ts';
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

export const prefillOptions: OptionNames<PrefillOptions> = { prefix: true };

export interface GenerateOptions extends SamplingOptions, PrefillOptions {
  /** Default: until the cache is full. */
  readonly maxTokens?: number;
  /** Ids that end the text; they are not yielded. */
  readonly stop?: readonly number[];
  readonly signal?: AbortSignal;
}

const generateOptions: OptionNames<GenerateOptions> = {
  ...samplingOptions,
  ...prefillOptions,
  maxTokens: true,
  stop: true,
  signal: true,
};

/** @throws UsageError for what `generate` could not keep to, before anything runs. */
export function checkGenerate(options: GenerateOptions): void {
  checkOptions('generate', options, generateOptions);
  const { maxTokens = 0, stop = [], signal } = options;
  if (!(maxTokens >= 0)) throw new UsageError(`maxTokens is ${maxTokens}: it must be 0 or more`);
  if (typeof stop !== 'object') throw new UsageError(`stop is ${stop}: it must be a list of ids`);
  if (signal !== undefined && !('throwIfAborted' in signal))
    throw new UsageError('signal is no AbortSignal: pass `controller.signal`');
  checkSampling(options, 0);
}
