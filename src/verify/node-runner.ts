import type { Node } from '../compiler/ir/nodes.ts';
import { type Use, usesOf } from '../compiler/ir/uses.ts';
import type { Tensor } from '../compiler/oracle/tensor.ts';
import { nodesOf, type PlannedDispatch } from '../compiler/plan/planned.ts';
import type { ProgramPlan } from '../compiler/plan/program.ts';
import type { BufferDecl, DispatchDecl } from '../runtime/abi1/definition.ts';
import { elementCount } from '../runtime/abi1/extents.ts';
import type { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { type Step, Workspace } from '../runtime/abi1/workspace.ts';
import { compareRows, type Difference } from './compare.ts';
import { fromDevice, toDevice } from './device-tensors.ts';
import { dispatchesByNode } from './node-dispatches.ts';
import { fromStored, shuffledPages, storedShape, toStored } from './stored-caches.ts';
import type { CallTrace, NodeTrace } from './trace.ts';

/** The error of one tensor that the kernels of one node wrote. */
export interface NodeError extends Difference {
  readonly node: Node;
  readonly kernels: readonly string[];
  readonly tensor: string;
  readonly shape: readonly number[];
}

/**
 * Runs one call node by node. Every node gets the reference's values of what it reads, so that its error is its own; what it
 * only writes is filled with NaN before, so that an entry that it leaves out is seen.
 */
export async function runNodes(
  loaded: LoadedModule,
  program: ProgramPlan,
  { step, contextStep, nodes }: CallTrace,
): Promise<readonly NodeError[]> {
  const isOne = step.tokens === 1;
  const { variant, definition } = loaded;
  const planned = isOne ? program.decode : program.prefill;
  const dispatches = dispatchesByNode(planned, isOne ? variant.decode : variant.prefill);
  const buffers = definition.buffers.filter(({ role }) => role !== 'prepared');
  // Given keys are strided by the capacity, of which a call may use a part.
  const pages = shuffledPages(definition.facts, step);
  const symbols = { ...symbolsOf(step), J: step.capacity, P: pages?.length ?? 0 };
  const workspace = await Workspace.create(loaded, { buffers, symbols, external: new Map() });
  try {
    if (pages !== undefined) workspace.upload('page_table', pages);
    workspace.setStep(step, contextStep);
    const errors: NodeError[] = [];
    for (const trace of nodes) {
      const own = dispatches.get(trace.node);
      if (own === undefined) continue;
      const uses = [...prologueUses(planned, trace.node), ...usesOf(trace.node)];
      const declared = declaredFor(planned, trace.node, definition.buffers);
      errors.push(...(await runNode(loaded, workspace, step, trace, { dispatches: own, uses, declared })));
    }
    return errors;
  } finally {
    workspace.dispose();
  }
}

/** What is read by the nodes that this one's kernel computes on the way: it is unchanged until then. */
function prologueUses(planned: readonly PlannedDispatch[], node: Node): readonly Use[] {
  return planned
    .filter((dispatch) => nodesOf(dispatch).includes(node))
    .flatMap(({ prologue = [] }) => prologue.flatMap(usesOf).filter(({ access }) => access === 'read'));
}

/** Buffers as this node's kernels take them: activations that they hand on as f16 fill half of theirs. */
function declaredFor(
  planned: readonly PlannedDispatch[],
  node: Node,
  buffers: readonly BufferDecl[],
): ReadonlyMap<string, BufferDecl> {
  const halves = new Set(
    planned.flatMap((dispatch) => (nodesOf(dispatch).includes(node) ? (dispatch.halves ?? []) : [])),
  );
  return new Map(
    buffers.map((buffer) => [buffer.name, halves.has(buffer.name) ? { ...buffer, dtype: 'f16' } : buffer]),
  );
}

interface NodeDispatches {
  readonly dispatches: readonly DispatchDecl[];
  readonly uses: readonly Use[];
  readonly declared: ReadonlyMap<string, BufferDecl>;
}

function symbolsOf({ batch, tokens, keys, capacity, allLogits }: Step) {
  return { B: batch, I: tokens, J: keys, C: capacity, X: keys, L: allLogits ? batch * tokens : batch };
}

async function runNode(
  loaded: LoadedModule,
  workspace: Workspace,
  step: Step,
  { node, before, written }: NodeTrace,
  { dispatches, uses, declared }: NodeDispatches,
): Promise<readonly NodeError[]> {
  const { ledger } = loaded;
  for (const use of uses) {
    const buffer = declared.get(use.tensor);
    if (buffer !== undefined && buffer.role !== 'prepared' && buffer.role !== 'pages') {
      ledger.upload(workspace.buffer(use.tensor), 0, bytesBefore(use, buffer, before, written, step));
    }
  }
  for (const scratch of scratchOf(dispatches, uses, declared)) poison(loaded, workspace.buffer(scratch));
  workspace.submit(dispatches, symbolsOf(step));

  const errors: NodeError[] = [];
  for (const [tensor, reference] of written) {
    const buffer = declared.get(tensor);
    if (buffer === undefined) continue;
    const bytes = await ledger.readBack(workspace.buffer(tensor));
    const { got, isCompared } = compared(bytes, buffer, reference, step);
    errors.push({
      node,
      kernels: dispatches.map(({ kernel }) => kernel),
      tensor,
      shape: reference.shape,
      ...compareRows(got, reference.data, reference.shape.at(-1) ?? 1, isCompared),
    });
  }
  return errors;
}

/** What the device has of a tensor, and which of its rows mean something. */
function compared(bytes: Uint8Array, buffer: BufferDecl, reference: Tensor, step: Step) {
  const { shape } = reference;
  if (buffer.role !== 'cache')
    return { got: fromDevice(bytes, buffer, shape), isCompared: tokenRows(reference, buffer, step) };
  if (buffer.layout === undefined) return { got: fromDevice(bytes, buffer, shape), isCompared: undefined };
  const stored = fromDevice(bytes, buffer, storedShape(shape, buffer.layout, step));
  const { data, isKept } = fromStored(stored, shape, buffer.layout, step);
  return { got: data, isCompared: isKept };
}

/** What a tensor holds before the node: the reference's values, or NaN where the node has to write. */
function bytesBefore(
  use: Use,
  buffer: BufferDecl,
  before: ReadonlyMap<string, Tensor>,
  written: ReadonlyMap<string, Tensor>,
  step: Step,
): Uint8Array<ArrayBuffer> {
  const earlier = before.get(use.tensor);
  const shape = written.get(use.tensor)?.shape ?? earlier?.shape ?? [];
  if (use.access === 'write' || earlier === undefined) return toDevice(fullOfNaN(shape), buffer);
  const held = buffer.role === 'cache' && use.access === 'update' ? withoutNewRows(earlier, step) : earlier;
  return toDevice(buffer.layout === undefined ? held : toStored(held, buffer.layout, step), buffer);
}

function fullOfNaN(shape: readonly number[]): Tensor {
  return { shape, data: new Float64Array(elementCount(shape)).fill(Number.NaN) };
}

/** A cache `[B, K, C, D]` whose rows of this call's tokens are NaN. */
function withoutNewRows({ shape, data }: Tensor, { sequences }: Step): Tensor {
  const [, kvHeads = 0, capacity = 0, width = 0] = shape;
  const copy = data.slice();
  for (const [b, { past, count }] of sequences.entries()) {
    for (let head = 0; head < kvHeads; head++) {
      const first = ((b * kvHeads + head) * capacity + past) * width;
      copy.fill(Number.NaN, first, first + count * width);
    }
  }
  return { shape, data: copy };
}

/** Rows of the last axis that belong to a token. Rows of a context, and the logits of the last token of each sequence, have no padding. */
function tokenRows({ shape }: Tensor, declared: BufferDecl, { tokens, sequences }: Step): (row: number) => boolean {
  const isEveryLogit = declared.shape[0] === 'L' && shape.length === 3;
  const axis = isEveryLogit ? 1 : declared.shape.indexOf('I');
  if (axis < 0) return () => true;
  const rowsIn = (from: number) => elementCount(shape.slice(from, -1));
  const [perSequence, perToken] = [rowsIn(1), rowsIn(axis + 1)];
  return (row) => Math.floor(row / perToken) % tokens < (sequences[Math.floor(row / perSequence)]?.count ?? 0);
}

/** Buffers that only the plan knows, such as the partial results of a split, and what other nodes of the kernel leave. */
function scratchOf(
  dispatches: readonly DispatchDecl[],
  uses: readonly Use[],
  declared: ReadonlyMap<string, BufferDecl>,
) {
  const known = new Set(uses.map(({ tensor }) => tensor));
  const names = dispatches
    .flatMap(({ bind }) => bind)
    .filter((name) => declared.get(name)?.role === 'activation' && !known.has(name));
  return [...new Set(names)];
}

function poison({ ledger }: LoadedModule, buffer: GPUBuffer): void {
  ledger.upload(buffer, 0, new Uint8Array(new Float32Array(buffer.size / 4).fill(Number.NaN).buffer));
}
