/** `int8`: each row of each head as integers from −127 to 127, times an f32 of its own: its largest magnitude / 127. */
export type CacheDtype = 'f32' | 'f16' | 'int8';

/**
 * Where the row of a position lies. `ring`: at position mod `rows`, which hold what the first of `longestCall` new tokens sees.
 * `paged`: pages of `pageSize` (a power of two) positions, found by a table `[B, ceil(C / pageSize)]`.
 */
export type CacheLayout =
  | { readonly kind: 'ring'; readonly rows: number; readonly longestCall: number }
  | { readonly kind: 'paged'; readonly pageSize: number };
