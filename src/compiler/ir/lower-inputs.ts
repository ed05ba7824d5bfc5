import { dim } from '../check/dims.ts';
import type { AttentionShape } from '../check/shaped-spec.ts';
import { B, I, type ModuleBuilder, X } from './module-builder.ts';

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
    const x = builder.declare(name, 'input', 'f32', [B, rows === 'context' ? X : I, dim(count), dim(width)]);
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
