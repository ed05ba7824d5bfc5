import { dim } from '../../check/dims.ts';
import type { AttentionShape, NormShape } from '../../check/shaped-spec.ts';
import { declareHooked } from './hooks.ts';
import { B, I, type ModuleBuilder, rowAxes, X } from './module-builder.ts';
import { lowerNorm } from './norm.ts';

/** What one projection reads: a row for each token, or with `heads` a row for each token and head. */
export interface Source {
  readonly x: string;
  readonly width: number;
  readonly heads?: number;
  readonly rows?: 'context';
}

export type Sources = Readonly<Record<'q' | 'k' | 'v', Source>>;

/** The inputs of attention by itself. */
export function declareInputs(builder: ModuleBuilder, attention: AttentionShape): Sources {
  const { inputs, hidden = 0, heads, cross } = attention;
  if (inputs !== 'split') {
    const x = builder.declare('hidden_in', 'input', 'f32', [B, I, dim(hidden)]);
    return sharedSources(builder, attention, x);
  }
  const ofQueries = { width: hidden, heads: heads.qHeads };
  const ofKeys = { width: cross?.width ?? hidden, heads: heads.kvHeads, ...(cross && { rows: 'context' as const }) };
  const source = (
    name: string,
    { width, heads: count, rows }: Omit<Source, 'x'> & { readonly heads: number },
  ): Source => {
    const x = builder.declare(name, 'input', 'f32', [...rowAxes(rows), dim(count), dim(width)]);
    return { x, width, heads: count, ...(rows && { rows }) };
  };
  return { q: source('q_in', ofQueries), k: source('k_in', ofKeys), v: source('v_in', ofKeys) };
}

/** One input for all heads; in cross-attention keys and values have a context in its place. */
export function sharedSources(builder: ModuleBuilder, { hidden = 0, cross }: AttentionShape, x: string): Sources {
  const own = { x, width: hidden };
  if (cross === undefined) return { q: own, k: own, v: own };
  const context = builder.declare('context', 'input', 'f32', [B, X, dim(cross.width)]);
  const source = { x: context, width: cross.width, rows: 'context' } as const;
  return { q: own, k: source, v: source };
}

interface Copied {
  readonly at: string;
  readonly layer: number;
  readonly norm: NormShape | undefined;
  /** The residual stream. */
  readonly x: string;
}

/** A row of the residual stream for each head, with what a call adds to it, then the layer's norm. */
export function editedSources(builder: ModuleBuilder, attention: AttentionShape, place: Copied): Sources {
  const { heads } = attention;
  const source = (name: 'q' | 'k' | 'v', count: number) => editedSource(builder, attention, place, name, count);
  return { q: source('q', heads.qHeads), k: source('k', heads.kvHeads), v: source('v', heads.kvHeads) };
}

function editedSource(
  builder: ModuleBuilder,
  attention: AttentionShape,
  { at, layer, norm, x }: Copied,
  name: 'q' | 'k' | 'v',
  heads: number,
): Source {
  const { hidden: width = 0 } = attention;
  const shape = [B, I, dim(heads), dim(width)];
  const edit = builder.declare(`${at}edits.${name}`, 'input', 'f32', shape);
  const out = declareHooked(builder, attention, at, { hook: `${name}_input`, scratch: `${name}_input`, shape });
  builder.add({ op: 'head_inputs', x, edit, heads, width, out, layer });
  if (norm === undefined) return { x: out, width, heads };
  const normed = builder.declare(`${name}_input_normed`, 'activation', 'f32', shape);
  lowerNorm(builder, norm, { at: `${at}attn_norm`, width, x: out, heads, out: normed, layer });
  return { x: normed, width, heads };
}
