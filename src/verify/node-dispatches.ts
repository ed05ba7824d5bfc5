import type { Node } from '../compiler/ir/nodes.ts';
import { nodesOf, type PlannedDispatch } from '../compiler/plan/planned.ts';
import type { DispatchDecl } from '../runtime/abi1/definition.ts';

/** The dispatches in the order in which the runtime runs them, with layers written out. */
export function unrolled(dispatches: readonly DispatchDecl[]): readonly DispatchDecl[] {
  const flat: DispatchDecl[] = [];
  for (let index = 0; index < dispatches.length; ) {
    const range = dispatches[index]?.layers;
    const rest = dispatches.slice(index);
    const stop = range === undefined ? 1 : rest.findIndex(({ layers }) => layers?.join() !== range.join());
    const group = stop < 0 ? rest : rest.slice(0, stop);
    const [from, to] = range ?? [0, 1];
    for (let layer = from; layer < to; layer++) flat.push(...group.map((dispatch) => ofLayer(dispatch, layer)));
    index += group.length;
  }
  return flat;
}

function ofLayer({ kernel, bind, grid }: DispatchDecl, layer: number): DispatchDecl {
  return { kernel, bind: bind.map((name) => name.replace('{i}', String(layer))), grid };
}

/**
 * Which dispatches of a definition compute which node: one may compute several. They are the definition's own, so that what is verified is what runs.
 * @throws Error when the definition does not run what was planned.
 */
export function dispatchesByNode(
  planned: readonly PlannedDispatch[],
  declared: readonly DispatchDecl[],
): ReadonlyMap<Node, readonly DispatchDecl[]> {
  const flat = unrolled(declared);
  if (flat.length !== planned.length) {
    throw new Error(`the definition has ${flat.length} dispatches, ${planned.length} were planned`);
  }
  const byNode = new Map<Node, DispatchDecl[]>();
  for (const [index, dispatch] of flat.entries()) {
    const plan = planned[index];
    const missing = Object.entries(plan?.bind ?? {}).find(
      ([binding, tensor]) => binding !== 'step' && binding !== 'sequences' && !dispatch.bind.includes(tensor),
    )?.[1];
    if (plan?.node === undefined || missing !== undefined) {
      throw new Error(`dispatch ${index}, ${dispatch.kernel}, is not what was planned: ${missing ?? 'no node'}`);
    }
    for (const node of nodesOf(plan)) byNode.set(node, [...(byNode.get(node) ?? []), dispatch]);
  }
  return byNode;
}
