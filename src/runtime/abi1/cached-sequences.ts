import type { ModuleDefinition } from './definition.ts';
import { UsageError } from './errors.ts';
import { PageTable } from './page-table.ts';
import { type PerSequence, perSequence } from './per-sequence.ts';
import type { SessionOptions } from './session-options.ts';
import type { SequenceStep } from './workspace.ts';

/** How many tokens of each of B sequences are in the cache, which pages hold them, and what of them every token sees. */
export class CachedSequences {
  readonly #definition: ModuleDefinition;
  readonly #options: Required<SessionOptions>;
  readonly #pages: PageTable | undefined;
  #past: readonly number[];
  #prefix: readonly number[];

  constructor(definition: ModuleDefinition, options: Required<SessionOptions>) {
    const { pageSize } = definition.facts;
    this.#definition = definition;
    this.#options = options;
    this.#pages = pageSize === undefined ? undefined : new PageTable({ ...options, pageSize });
    this.#past = Array.from({ length: options.batch }, () => 0);
    this.#prefix = this.#defaultPrefix();
  }

  /** Tokens of each sequence in the cache. */
  get past(): readonly number[] {
    return this.#past;
  }

  /** Whether there is room for one more token of each. */
  get hasRoom(): boolean {
    const longer = this.#past.map((past) => past + 1);
    return Math.max(...longer) <= this.#options.capacity && this.#hasPages(longer);
  }

  /** New tokens of each sequence that have to be run at once: those of its prefix. */
  get together(): readonly number[] {
    return this.#past.map((past, b) => Math.max(0, (this.#prefix[b] ?? 0) - past));
  }

  /** @throws UsageError when there are too few pages for so many new tokens of each. */
  checkPages(counts: readonly number[]): void {
    if (!this.#hasPages(this.#totals(counts)))
      throw new UsageError('the free pages of the cache are too few: use a session with more `pages`, or reset()');
  }

  /** @returns the prefix of each sequence for a call that asks for `prefix`. @throws UsageError */
  checkPrefix(prefix: PerSequence | undefined): readonly number[] {
    if (prefix === undefined) return this.#prefix;
    const { name, facts } = this.#definition;
    if (facts.prefix !== 'runtime')
      throw new UsageError(`${name} takes no prefix: its spec has no \`mask.prefix: runtime\``);
    if (this.#past.some((past) => past > 0)) throw new UsageError('a prefix belongs to the first call: use reset()');
    return perSequence('prefix', prefix, this.#options.batch, this.#options.chunk);
  }

  setPrefix(prefix: readonly number[]): void {
    this.#prefix = prefix;
  }

  /** What a call with so many new tokens of each is to the kernels. */
  next(counts: readonly number[]): readonly SequenceStep[] {
    return counts.map((count, b) => ({ past: this.#past[b] ?? 0, count, prefix: this.#prefix[b] ?? 0 }));
  }

  /** Takes so many new tokens of each into the cache. @returns the table of pages when it has changed. */
  append(counts: readonly number[]): Uint32Array<ArrayBuffer> | undefined {
    const totals = this.#totals(counts);
    const table = this.#pages?.grow(totals);
    this.#past = totals;
    return table;
  }

  /** Forgets all but the first `tokens` of each sequence. @throws UsageError */
  rewind(tokens: number): void {
    const fewest = Math.min(...this.#past);
    if (!Number.isInteger(tokens) || tokens < 0 || tokens > fewest)
      throw new UsageError(`cannot go back to ${tokens} tokens: the cache has ${fewest}`);
    if (!this.canRewind(tokens))
      throw new UsageError(`cannot go back to ${tokens} tokens: the ring cache has overwritten what they see; reset()`);
    this.#past = this.#past.map(() => tokens);
  }

  /** Whether all that the token after the first `tokens` sees is still there: a ring cache overwrites what is far behind. */
  canRewind(tokens: number): boolean {
    const { buffers, facts } = this.#definition;
    const rows = buffers.flatMap(({ layout }) => (layout?.kind === 'ring' ? [layout.rows] : []));
    const longest = Math.max(...this.#past);
    // A ring has `longestCall` rows more than a token sees, but for one.
    return tokens === 0 || longest <= Math.min(...rows) || longest - tokens <= (facts.longestCall ?? longest);
  }

  reset(): void {
    this.#past = this.#past.map(() => 0);
    this.#prefix = this.#defaultPrefix();
    this.#pages?.clear();
  }

  #totals(counts: readonly number[]): readonly number[] {
    return this.#past.map((past, b) => past + (counts[b] ?? 0));
  }

  #hasPages(lengths: readonly number[]): boolean {
    return this.#pages?.fits(lengths) ?? true;
  }

  /** What the module says, or nothing until a call says it. */
  #defaultPrefix(): readonly number[] {
    const { prefix } = this.#definition.facts;
    return this.#past.map(() => (typeof prefix === 'number' ? prefix : 0));
  }
}
