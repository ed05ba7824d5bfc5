/** Inputs that a chip may keep in its cache; the largest today have some 50 MB. */
export const chipCacheBytes = 50e6;

const mostCopies = 16;

/** How many copies of its inputs a call takes turns with, so that the cache of the chip does not hold what it reads. `cacheBytes` 0: one. */
export const copiesBeyond = (cacheBytes: number, bytesRead: number): number =>
  cacheBytes === 0 ? 1 : Math.min(mostCopies, Math.ceil((3 * cacheBytes) / (1 + bytesRead)));
