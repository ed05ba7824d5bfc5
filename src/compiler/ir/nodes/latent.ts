import type { NodeBase } from './base.ts';

/**
 * x `[B, I, heads·(ownDim + valueDim)]`, each head's own key entries and its value, and the last `sharedDim` entries of the rows of
 * latent `[B, I, rank + sharedDim]` → k `[B, I, heads·(ownDim + sharedDim)]`, own entries first, and out `[B, I, heads·valueDim]`, the values.
 */
export interface LatentHeadsNode extends NodeBase {
  readonly op: 'latent_heads';
  readonly x: string;
  readonly latent: string;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly k: string;
  readonly out: string;
}

/**
 * q `[B, I, heads·(ownDim + sharedDim)]` → out `[B, I, heads, rank + sharedDim]`: the own entries of each head as Wᵀ · them, and the
 * others as they are. W are the `ownDim` rows of the head in weight `[heads·(ownDim + valueDim), rank]`: a product with such a query
 * and a latent row is that of the query with the key that would be made of the row.
 */
export interface LatentQueriesNode extends NodeBase {
  readonly op: 'latent_queries';
  readonly q: string;
  readonly weight: string;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly sharedDim: number;
  readonly valueDim: number;
  readonly out: string;
}

/** z `[B, I, heads, rank]` → out `[B, I, heads, valueDim]`: W · z with the last `valueDim` rows of the head in weight, as in `latent_queries`. */
export interface LatentValuesNode extends NodeBase {
  readonly op: 'latent_values';
  readonly z: string;
  readonly weight: string;
  readonly heads: number;
  readonly rank: number;
  readonly ownDim: number;
  readonly valueDim: number;
  readonly out: string;
}
