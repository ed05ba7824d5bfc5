import { UsageError } from './errors.ts';

/** One number for all sequences of a batch, or one for each. */
export type PerSequence = number | readonly number[];

/** @throws UsageError for a list of another length than the batch, and for what is not an integer from 0 to `most`. */
export function perSequence(name: string, given: PerSequence, batch: number, most: number): readonly number[] {
  const values = typeof given === 'number' ? Array.from({ length: batch }, () => given) : given;
  if (values.length !== batch) throw new UsageError(`${name} is given for ${values.length} sequences of ${batch}`);
  const wrong = values.find((value) => !Number.isInteger(value) || value < 0 || value > most);
  if (wrong !== undefined) throw new UsageError(`${name} is ${wrong}: this session takes from 0 to ${most}`);
  return values;
}
