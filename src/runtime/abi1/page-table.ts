import { UsageError } from './errors.ts';

/** Which pages of a paged cache belong to which sequence. Sequences take pages as they grow, so that a short one leaves room for others. */
export class PageTable {
  readonly #pageSize: number;
  readonly #pagesEach: number;
  readonly #owned: readonly number[][];
  #free: number[];

  /** @param capacity positions of a sequence at most. */
  constructor(size: {
    readonly batch: number;
    readonly capacity: number;
    readonly pageSize: number;
    readonly pages: number;
  }) {
    this.#pageSize = size.pageSize;
    this.#pagesEach = Math.ceil(size.capacity / size.pageSize);
    this.#owned = Array.from({ length: size.batch }, () => []);
    this.#free = Array.from({ length: size.pages }, (_, page) => size.pages - 1 - page);
  }

  /** Whether there are pages for so many positions of each sequence. */
  fits(lengths: readonly number[]): boolean {
    return this.#missing(lengths) <= this.#free.length;
  }

  /**
   * Takes the pages for so many positions of each sequence.
   * @returns the table `[B, pages of a sequence]` when it has changed. Places without a page say 0 and are not read.
   * @throws UsageError when there are too few; none is taken then.
   */
  grow(lengths: readonly number[]): Uint32Array<ArrayBuffer> | undefined {
    const missing = this.#missing(lengths);
    if (missing === 0) return undefined;
    if (missing > this.#free.length)
      throw new UsageError(
        `${missing} more pages are needed, ${this.#free.length} are free: use more pages, or reset()`,
      );
    const table = new Uint32Array(this.#owned.length * this.#pagesEach);
    for (const [b, owned] of this.#owned.entries()) {
      while (owned.length < this.#pagesFor(lengths[b] ?? 0)) owned.push(this.#free.pop() ?? 0);
      table.set(owned, b * this.#pagesEach);
    }
    return table;
  }

  /** Gives all pages back. */
  clear(): void {
    for (const owned of this.#owned) this.#free.push(...owned.splice(0).reverse());
  }

  #pagesFor(length: number): number {
    return Math.ceil(length / this.#pageSize);
  }

  #missing(lengths: readonly number[]): number {
    return this.#owned.reduce((sum, owned, b) => sum + Math.max(0, this.#pagesFor(lengths[b] ?? 0) - owned.length), 0);
  }
}
