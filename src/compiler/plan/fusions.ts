import type { AttnModule } from '../ir/nodes.ts';
import { type FusedNorms, fuseNorms } from './fused-norms.ts';
import { type JoinedHeads, joinHeads } from './heads/joined-heads.ts';
import { type JoinedProducts, joinProducts } from './linear/joined-products.ts';
import { type ProductHeads, storeProducts } from './linear/product-heads.ts';
import type { TargetProfile } from './profiles/profiles.ts';

/** Nodes that share kernels with others. */
export interface Fusions {
  readonly norms: FusedNorms;
  readonly products: JoinedProducts;
  readonly heads: JoinedHeads;
  readonly productHeads: ProductHeads;
}

export function fuse(module: AttnModule, profile: TargetProfile): Fusions {
  const buffers = profile.limits.maxStorageBuffersPerShaderStage;
  const norms = fuseNorms(module);
  const joined = { norms, products: joinProducts(module, norms, buffers), heads: joinHeads(module, buffers) };
  return { ...joined, productHeads: storeProducts(module, joined, profile) };
}
