import type { ModuleDefinition, VariantDecl } from './definition.ts';
import { UsageError } from './errors.ts';
import { checkOptions, type OptionNames } from './option-names.ts';
import { maxBatch } from './workspace.ts';

export interface SessionOptions {
  /** B: sequences that run together. Default 1. */
  readonly batch?: number;
  /** Tokens that the cache holds for each sequence. Default: the module's context. */
  readonly capacity?: number;
  /** Tokens of a prompt that are run at a time; longer prompts are run in pieces. Default 256, more where the device is fast, or as many as a ring cache has room for. */
  readonly chunk?: number;
  /** Pages of a paged cache for all sequences together. Default: enough for every sequence to fill its capacity. */
  readonly pages?: number;
  /** Whose logits `prefill` gives: the last token's of each sequence (default), or every token's. Hidden states are given of all. */
  readonly logits?: 'last' | 'all';
}

const sessionOptions: OptionNames<SessionOptions> = {
  batch: true,
  capacity: true,
  chunk: true,
  pages: true,
  logits: true,
};

/** Options with their defaults for this module on this device. @throws UsageError for what does not fit it. */
export function completeOptions(
  definition: ModuleDefinition,
  { chunk: callTokens = 0 }: Pick<VariantDecl, 'chunk'>,
  options: SessionOptions,
): Required<SessionOptions> {
  checkOptions('createSession', options, sessionOptions);
  const { context, prefix, causal, output, longestCall = 65_535, pageSize } = definition.facts;
  const { batch = 1, capacity = context } = options;
  const logits = output === 'hidden' ? 'all' : (options.logits ?? 'last');
  const fitting = Math.min(Math.max(256, Math.floor(callTokens / batch)), longestCall);
  const chunk = Math.min(options.chunk ?? (causal ? fitting : capacity), capacity);
  const allPages = batch * Math.ceil(capacity / (pageSize ?? capacity));
  const { pages = allPages } = options;
  checkCount('batch', batch, maxBatch);
  checkCount('capacity', capacity, context);
  checkCount('chunk', chunk, longestCall);
  checkCount('pages', pages, allPages);
  if (logits !== 'last' && logits !== 'all')
    throw new UsageError(`logits is ${JSON.stringify(logits)}: it must be 'last' or 'all'`);
  if (options.pages !== undefined && pageSize === undefined)
    throw new UsageError(`${definition.name} has no pages: its spec has no \`cache: { kind: paged }\``);
  if (typeof prefix === 'number' && Math.min(prefix, capacity) > chunk)
    throw new UsageError(`the prefix of ${prefix} tokens has to be run at once: use a chunk of at least that`);
  return { batch, capacity, chunk, pages, logits };
}

function checkCount(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new UsageError(`${name} is ${value}: it must be an integer from 1 to ${most}`);
  }
}
