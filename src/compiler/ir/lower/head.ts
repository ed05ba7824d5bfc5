import { dim } from '../../check/dims.ts';
import type { HeadShape, ModelShape } from '../../check/shaped-spec.ts';
import { B, I, L, type ModuleBuilder } from './module-builder.ts';
import { lowerNorm } from './norm.ts';

/** The final norm, and logits where the model has a head. */
export function lowerHead(builder: ModuleBuilder, model: ModelShape, stream: string): void {
  const { hidden, head } = model;
  const last = lowerFinalNorm(builder, model, stream);
  if (head.kind === 'hidden') return;
  const { vocab, embeddingWidth, tieEmbeddings } = model;
  const width = embeddingWidth ?? hidden;
  builder.add({
    op: 'linear',
    x: lowerTransform(builder, model, head, last),
    inWidth: width,
    outWidth: vocab,
    weight: builder.weight(tieEmbeddings ? 'embed.weight' : 'head.weight'),
    ...(head.bias && { bias: builder.weight('head.bias') }),
    ...(head.scale !== 1 && { scale: head.scale }),
    ...(head.softcap !== undefined && { softcap: head.softcap }),
    accumulate: false,
    logits: true,
    out: builder.declare('logits', 'output', 'f32', [L, dim(vocab)]),
  });
}

function lowerFinalNorm(builder: ModuleBuilder, { hidden, finalNorm, head }: ModelShape, stream: string): string {
  if (finalNorm === undefined) return stream;
  const shape = [B, I, dim(hidden)];
  const out =
    head.kind === 'hidden'
      ? builder.declare('hidden', 'output', 'f32', shape)
      : builder.declare('normed', 'activation', 'f32', shape);
  lowerNorm(builder, finalNorm, { at: 'final_norm', width: hidden, x: stream, out });
  return out;
}

/** What the head reads: the transform of the last hidden state, or that state led to the embedding's width. */
function lowerTransform(
  builder: ModuleBuilder,
  { hidden, embeddingWidth }: ModelShape,
  { transform }: Extract<HeadShape, { kind: 'logits' }>,
  x: string,
): string {
  if (transform === undefined && embeddingWidth === undefined) return x;
  const width = embeddingWidth ?? hidden;
  const declare = (name: string) => builder.declare(name, 'activation', 'f32', [B, I, dim(width)]);
  const projected = declare('head_in');
  const at = transform === undefined ? 'embed_out' : 'head_transform';
  builder.add({
    op: 'linear',
    x,
    inWidth: hidden,
    outWidth: width,
    weight: builder.weight(`${at}.weight`),
    ...(transform && { bias: builder.weight(`${at}.bias`), activation: transform.activation }),
    accumulate: false,
    logits: false,
    out: projected,
  });
  if (transform === undefined) return projected;
  const normed = declare('head_normed');
  lowerNorm(builder, transform.norm, { at: 'head_norm', width, x: projected, out: normed });
  return normed;
}
