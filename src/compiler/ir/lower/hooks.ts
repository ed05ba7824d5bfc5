import { add, type Dim, dim } from '../../check/dims.ts';
import type { AttentionShape, HookName } from '../../check/shaped-spec.ts';
import type { AttentionNode } from '../nodes.ts';
import { B, hookTensor, I, inLayer, J, type ModuleBuilder } from './module-builder.ts';

/** `[B, I, heads, width]` under the hook's own name where the layer returns it, else scratch of that shape. */
export function declareHooked(
  builder: ModuleBuilder,
  { hooks }: AttentionShape,
  at: string,
  { hook, scratch, shape }: { readonly hook: HookName; readonly scratch: string; readonly shape: readonly Dim[] },
): string {
  if (hooks.includes(hook)) return builder.declare(hookTensor(at, hook), 'output', 'f32', shape);
  return builder.declare(scratch, 'activation', 'f32', shape);
}

/** Scores and patterns, which only exist in memory where they are asked for. */
export function keptRows(
  builder: ModuleBuilder,
  { hooks, heads, columns }: AttentionShape,
  at: string,
): Pick<AttentionNode, 'kept'> {
  const asked = (['scores', 'pattern'] as const).filter((hook) => hooks.includes(hook));
  if (asked.length === 0) return {};
  const shape = [B, dim(heads.qHeads), I, add(J, dim(columns.zero + columns.memory))];
  const names = asked.map((hook) => [hook, builder.declare(hookTensor(at, hook), 'output', 'f32', shape)] as const);
  return { kept: Object.fromEntries(names) };
}

/** What each head gives to the output. */
export function lowerResult(
  builder: ModuleBuilder,
  attention: AttentionShape,
  { at, layer }: { readonly at: string; readonly layer?: number },
  z: string,
): void {
  const { hooks, heads, valueDim, hidden = 0, outHidden = hidden } = attention;
  if (!hooks.includes('result')) return;
  const shape = [B, I, dim(heads.qHeads), dim(outHidden)];
  builder.add({
    op: 'head_results',
    z,
    heads: heads.qHeads,
    valueDim,
    width: outHidden,
    weight: builder.weight(`${at}attn.o.weight`),
    out: builder.declare(hookTensor(at, 'result'), 'output', 'f32', shape),
    ...inLayer(layer),
  });
}
