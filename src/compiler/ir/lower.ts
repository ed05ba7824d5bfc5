import type { ShapedSpec } from '../check/shaped-spec.ts';
import { lowerAttentionAlone } from './lower/attention.ts';
import { lowerEmbedding } from './lower/embedding.ts';
import { lowerHead } from './lower/head.ts';
import { lowerLayer } from './lower/layer.ts';
import { ModuleBuilder } from './lower/module-builder.ts';
import type { AttnModule } from './nodes.ts';

/** In: a checked spec. Out: the straight list of nodes that computes it, with every tensor declared. Cannot fail. */
export function lower(shaped: ShapedSpec): AttnModule {
  const builder = new ModuleBuilder(shaped);
  const { model, layers } = shaped;
  if (model === undefined) {
    for (const { attention } of layers) lowerAttentionAlone(builder, attention);
    return builder.finish();
  }
  const stream = lowerEmbedding(builder, model);
  for (const [index, layer] of layers.entries()) lowerLayer(builder, model, layer, { index, stream });
  lowerHead(builder, model, stream);
  return builder.finish();
}
