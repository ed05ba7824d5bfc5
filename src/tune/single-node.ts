import type { AttnModule, Node, TensorDecl } from '../compiler/ir/nodes.ts';
import { usesOf } from '../compiler/ir/uses.ts';

/** A module of one node, with tensors of its own. */
export function singleNode(module: AttnModule, node: Node): AttnModule {
  return withoutOthers(module, [node], new Set(usesOf(node).map(({ tensor }) => tensor)));
}

/** Some nodes and tensors: nothing is prepared, and weights are whole tensors of their own name, so that any data serves. */
export function withoutOthers(
  module: AttnModule,
  nodes: readonly Node[],
  names: { has(name: string): boolean },
): AttnModule {
  const tensors = [...module.tensors].filter(([name]) => names.has(name));
  return {
    ...module,
    kind: 'attention',
    tensors: new Map(tensors.map(([name, tensor]) => [name, alone(tensor)])),
    nodes,
  };
}

function alone({ weight, ...tensor }: TensorDecl): TensorDecl {
  if (tensor.role === 'prepared') return { ...tensor, role: 'input' };
  if (weight === undefined) return tensor;
  return { ...tensor, weight: { ...weight, source: { tensor: tensor.name } } };
}
