import { dim } from '../../src/compiler/check/dims.ts';
import type { AttnModule, Node, TensorDecl } from '../../src/compiler/ir/nodes.ts';

/** Shapes of inputs and outputs are left out: the oracle takes them from the nodes and the inputs. */
export function moduleOf(
  nodes: readonly Node[],
  interfaceNames: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  weights: Readonly<Record<string, readonly number[]>> = {},
): AttnModule {
  const tensors = new Map<string, TensorDecl>();
  for (const name of interfaceNames.inputs) tensors.set(name, { name, role: 'input', dtype: 'f32', shape: [] });
  for (const name of interfaceNames.outputs) tensors.set(name, { name, role: 'output', dtype: 'f32', shape: [] });
  for (const [name, shape] of Object.entries(weights)) {
    const weight = { name, shape, role: 'matrix', setBy: [], source: { tensor: name } } as const;
    tensors.set(name, { name, role: 'weight', dtype: 'f16', shape: shape.map(dim), weight });
  }
  return { name: 'test', kind: 'attention', tensors, nodes };
}

/** Reproducible values in (−1, 1). */
export function values(count: number, seed = 1): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
