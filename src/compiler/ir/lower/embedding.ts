import { add, dim } from '../../check/dims.ts';
import type { ModelShape } from '../../check/shaped-spec.ts';
import { B, C, I, type ModuleBuilder } from './module-builder.ts';
import { lowerNorm } from './norm.ts';

/** Makes the residual stream `[B, I, hidden]` from token ids. Out: its name, that of the module's output if nothing follows the layers. */
export function lowerEmbedding(builder: ModuleBuilder, model: ModelShape): string {
  const { hidden, embeddingNorm, head, finalNorm } = model;
  const shape = [B, I, dim(hidden)];
  const isOutput = head.kind === 'hidden' && finalNorm === undefined;
  const stream = isOutput
    ? builder.declare('hidden', 'output', 'f32', shape)
    : builder.declare('x', 'activation', 'f32', shape);
  if (embeddingNorm === undefined) {
    lowerSum(builder, model, stream);
    return stream;
  }
  const sum = builder.declare('embedded', 'activation', 'f32', shape);
  lowerSum(builder, model, sum);
  lowerNorm(builder, embeddingNorm, { at: 'embed_norm', width: hidden, x: sum, out: stream });
  return stream;
}

/** Tokens, positions and token types; narrow tokens are widened after the others, which have the full width, are there. */
function lowerSum(builder: ModuleBuilder, model: ModelShape, out: string): void {
  const { hidden, embeddingWidth, embeddingScale } = model;
  const tokens = {
    ids: builder.declare('ids', 'input', 'u32', [B, I]),
    table: builder.weight('embed.weight'),
    scale: embeddingScale,
  };
  const added = addedTo(builder, model);
  if (embeddingWidth === undefined) {
    builder.add({ op: 'embed', width: hidden, tokens, ...added, out });
    return;
  }
  const narrow = builder.declare('narrow', 'activation', 'f32', [B, I, dim(embeddingWidth)]);
  const accumulate = Object.keys(added).length > 0;
  builder.add({ op: 'embed', width: embeddingWidth, tokens, out: narrow });
  if (accumulate) builder.add({ op: 'embed', width: hidden, ...added, out });
  builder.add({
    op: 'linear',
    x: narrow,
    inWidth: embeddingWidth,
    outWidth: hidden,
    weight: builder.weight('embed_in.weight'),
    accumulate,
    logits: false,
    out,
  });
}

function addedTo(builder: ModuleBuilder, { hidden, positions, tokenTypes }: ModelShape) {
  const types = tokenTypes === undefined ? {} : { types: builder.weight('token_types.weight') };
  if (positions === undefined) return types;
  const { scale, offset } = positions;
  if (positions.kind === 'learned')
    return { positions: { table: builder.weight('positions.weight'), scale, offset }, ...types };
  const table = builder.declare('sinusoids', 'table', 'f32', [add(C, offset), dim(hidden)]);
  return { positions: { table, scale, offset, sinusoids: positions.pairing }, ...types };
}
