import { UsageError } from './errors.ts';
import type { OptionNames } from './option-names.ts';
import type { Sampling } from './workspace.ts';

export interface SamplingOptions {
  /** 0 (default): the most likely token always. */
  readonly temperature?: number;
  /** Keep the k most likely tokens; 0 (default) keeps all. Ties with the k-th are kept. */
  readonly topK?: number;
  /** Keep the smallest set of tokens of at least this probability; 1 (default) keeps all. */
  readonly topP?: number;
  /** A seed gives one text on one device. Default 0. */
  readonly seed?: number;
}

export const samplingOptions: OptionNames<SamplingOptions> = { temperature: true, topK: true, topP: true, seed: true };

/** @throws UsageError for a value out of its range. */
export function checkSampling(
  { temperature = 0, topK = 0, topP = 1, seed = 0 }: SamplingOptions,
  draw: number,
): Sampling {
  const refuse = (name: string, value: number, range: string) => new UsageError(`${name} is ${value}: ${range}`);
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    throw refuse('temperature', temperature, 'it must be 0 or more');
  if (!(topP > 0 && topP <= 1)) throw refuse('topP', topP, 'it must be above 0 and at most 1');
  if (!Number.isInteger(topK) || topK < 0) throw refuse('topK', topK, 'it must be an integer, 0 for no limit');
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw refuse('seed', seed, 'it must be an integer from 0 to 2^32 - 1');
  // The most likely token depends on no draw.
  return { temperature, topK, topP, seed, draw: temperature === 0 ? 0 : draw };
}
