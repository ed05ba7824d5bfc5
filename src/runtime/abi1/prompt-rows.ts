import { UsageError } from './errors.ts';

/** Tokens of one sequence, or of each. */
export type Prompt = readonly number[] | readonly (readonly number[])[];

export interface PromptLimits {
  readonly batch: number;
  readonly vocab: number;
  readonly capacity: number;
  /** Tokens of each sequence in the cache. */
  readonly past: readonly number[];
  /** Most tokens of one row, where they cannot be run in pieces. */
  readonly atOnce?: number;
}

/** A row of ids for each sequence. @throws UsageError */
export function promptRows(prompt: Prompt, limits: PromptLimits): readonly (readonly number[])[] {
  const { batch, vocab, capacity, past, atOnce = Number.POSITIVE_INFINITY } = limits;
  const rows = isOneRow(prompt) ? [prompt] : prompt;
  if (!areRows(rows)) throw new UsageError('a prompt is a list of ids, or one for each sequence of a batch');
  if (rows.length !== batch) throw new UsageError(`${rows.length} prompts for a batch of ${batch}`);
  for (const [b, row] of rows.entries()) {
    const wrong = row.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocab);
    if (wrong >= 0) throw new UsageError(`token ${wrong} is ${row[wrong]}: ids are integers from 0 to ${vocab - 1}`);
    const total = (past[b] ?? 0) + row.length;
    if (row.length === 0) throw new UsageError('a prompt has at least one token');
    if (total > capacity)
      throw new UsageError(`${total} tokens do not fit a cache of ${capacity}: use a larger capacity, or reset()`);
    if (row.length > atOnce)
      throw new UsageError(
        `${row.length} tokens are more than ${atOnce} at a time, and each sees all: see SessionOptions.chunk`,
      );
  }
  return rows;
}

function isOneRow(prompt: Prompt): prompt is readonly number[] {
  return typeof prompt?.[0] === 'number' || prompt?.length === 0;
}

/** Callers in JavaScript pass texts and nothing too. */
function areRows(rows: unknown): boolean {
  return Array.isArray(rows) && rows.every((row) => Array.isArray(row) || ArrayBuffer.isView(row));
}
