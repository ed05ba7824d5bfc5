import { evaluate } from '../check/dims.ts';
import type { AttnModule, Node, TensorDecl } from '../ir/nodes.ts';
import { type Use, usesOf } from '../ir/uses.ts';
import { type Call, extentAt } from '../plan/extents.ts';
import { nodesOf, type PlannedDispatch } from '../plan/planned.ts';
import type { ProgramPlan } from '../plan/program.ts';
import { bytesOf, cacheRowBytes, elementBytes } from '../plan/tensor-bytes.ts';
import { isIdle, redoesMarked } from './kernel-flops.ts';
import { keysSeen } from './visible-keys.ts';

/** Bytes between memory and the chip at least, every tensor once; what caches hold of it is not told apart. */
export interface Traffic {
  readonly read: number;
  readonly written: number;
}

const nothing: Traffic = { read: 0, written: 0 };
const sum = (parts: readonly Traffic[]): Traffic =>
  parts.reduce((all, { read, written }) => ({ read: all.read + read, written: all.written + written }), nothing);

/** Traffic of the dispatches of one node, in their order. */
export function trafficOf(
  dispatches: readonly PlannedDispatch[],
  module: AttnModule,
  program: ProgramPlan,
  call: Call,
): readonly Traffic[] {
  const scratch = new Map(program.scratch.map((buffer) => [buffer.name, buffer]));
  const filled = new Set<string>();
  // What is scratch for a dispatch that a call leaves out is not written either.
  const unused = new Set(dispatches.filter((one) => isIdle(one, call)).flatMap(({ bind }) => Object.values(bind)));
  return dispatches.map((dispatch) => {
    if (isIdle(dispatch, call)) return nothing;
    const { plan, node, bind, halves = [] } = dispatch;
    const isRedone = redoesMarked(plan);
    const touched = usesIn(dispatch);
    const parts = [...new Set(Object.values(bind))].map((name): Traffic => {
      const buffer = scratch.get(name);
      if (buffer !== undefined) {
        if (unused.has(name)) return nothing;
        const bytes = extentAt(['*', ...buffer.shape], call) * elementBytes[buffer.dtype];
        if (filled.has(name)) return { read: bytes, written: 0 };
        filled.add(name);
        return { read: 0, written: bytes };
      }
      if (isRedone) return nothing;
      const declared = module.tensors.get(name);
      if (declared === undefined) return nothing;
      const tensor: TensorDecl = halves.includes(name) ? { ...declared, dtype: 'f16' } : declared;
      if (node === undefined)
        return {
          read: bytesOf(
            tensor.shape.reduce((n, axis) => n * evaluate(axis, call), 1),
            tensor,
          ),
          written: 0,
        };
      return tensorTraffic(tensor, touched, module, call);
    });
    return sum(parts);
  });
}

interface NodeUses {
  readonly node: Node;
  readonly uses: readonly Use[];
}

/** What each node of a dispatch touches; its prologue does so on behalf of the first. */
function usesIn(dispatch: PlannedDispatch): readonly NodeUses[] {
  const prologue = (dispatch.prologue ?? []).flatMap(usesOf);
  return nodesOf(dispatch).map((node, index) => ({ node, uses: [...(index === 0 ? prologue : []), ...usesOf(node)] }));
}

/** What several nodes of a kernel read is read once. */
function tensorTraffic(tensor: TensorDecl, touched: readonly NodeUses[], module: AttnModule, call: Call): Traffic {
  const ofNodes = touched.map(({ node, uses }) => {
    const own = uses.filter((use) => use.tensor === tensor.name);
    return sum(own.map((use) => useTraffic(use, tensor, node, module, call)));
  });
  return {
    read: Math.max(...ofNodes.map(({ read }) => read)),
    written: Math.max(...ofNodes.map(({ written }) => written)),
  };
}

function useTraffic(use: Use, tensor: TensorDecl, node: Node, module: AttnModule, call: Call): Traffic {
  const elements = elementsOf(use, node, module, call);
  const bytes =
    tensor.role === 'cache'
      ? (elements / use.width) * cacheRowBytes(tensor.dtype, use.width)
      : bytesOf(elements, tensor);
  // Rows of a cache that an append does not write stay as they are.
  const isAppended = node.op === 'append' && use.access === 'update';
  return {
    read: use.access === 'write' || isAppended ? 0 : bytes,
    written: use.access === 'read' ? 0 : bytes,
  };
}

function elementsOf({ field, tensor, outer, width }: Use, node: Node, module: AttnModule, call: Call): number {
  const rows = node.rows === 'context' ? call.X : call.I;
  if (outer === 'any rows') {
    if (node.op === 'embed') return width * (field === 'types' ? 1 : call.B * rows);
    const shape = module.tensors.get(tensor)?.shape ?? [];
    return shape.reduce((product, axis) => product * evaluate(axis, call), 1);
  }
  const capacity = capacityOf(field, node, call);
  const isAsked = node.op === 'linear' && node.logits && field === 'x';
  const bindings = {
    ...call,
    C: capacity,
    ...(isKeys(field, node) && { J: capacity }),
    // Rows whose logits nobody asks for are not read; there are L of them, of all sequences together.
    ...(isAsked && { B: 1, I: call.L }),
  };
  const elements = outer.reduce((product, axis) => product * evaluate(axis, bindings), width);
  return elements * chosenShare(field, node, call);
}

const isKeys = (field: string, node: Node) => node.op === 'attention' && (field === 'k' || field === 'v');

/** Rows that a node touches of what has a row for each position. */
function capacityOf(field: string, node: Node, call: Call): number {
  const rows = node.rows === 'context' ? call.X : call.I;
  if (field === 'rotation.table' || node.op === 'append') return field === 'pages' ? call.J : rows;
  if (node.op !== 'attention' || field === 'pages') return call.J;
  return keysSeen(node, { tokens: call.I, keys: node.cross ? call.X : call.J });
}

/** Of the experts, those that any row chose, if no two choose alike. */
function chosenShare(field: string, node: Node, call: Call): number {
  const isOfExperts = (node.op === 'experts_up' || node.op === 'experts_down') && /^(weight|bias|gate\.)/.test(field);
  return isOfExperts ? Math.min(1, (call.B * call.I * node.active) / node.experts) : 1;
}
