import type { AttnModule, Node, TensorDecl } from '../compiler/ir/nodes.ts';
import { needsContext, usesOf } from '../compiler/ir/uses.ts';
import { createOracle, type OracleCall } from '../compiler/oracle/oracle.ts';
import type { Tensor } from '../compiler/oracle/tensor.ts';
import type { Step } from '../runtime/abi1/workspace.ts';

/** One call of a module, with everything that its lengths depend on. */
export interface TracedCall {
  /** New tokens of each sequence; rows beyond a shorter one's end are padding. */
  readonly counts: readonly number[];
  readonly ids?: readonly (readonly number[])[];
  readonly inputs?: NonNullable<OracleCall['inputs']>;
  /** Given keys of each sequence, when the module has no cache. */
  readonly keyCounts?: readonly number[];
  /** Keys of each sequence that all of its queries see, with `mask.prefix: runtime`. */
  readonly prefix?: readonly number[];
  readonly logits?: 'last' | 'all';
}

/** What the reference computed at one node: the tensors as they were before it, and those that it wrote. */
export interface NodeTrace {
  readonly node: Node;
  readonly before: ReadonlyMap<string, Tensor>;
  readonly written: ReadonlyMap<string, Tensor>;
}

export interface CallTrace {
  readonly call: TracedCall;
  readonly step: Step;
  /** Of a cross-attention's context. */
  readonly contextStep?: Step;
  readonly nodes: readonly NodeTrace[];
  readonly outputs: ReadonlyMap<string, Tensor>;
}

export interface TraceSizes {
  readonly batch: number;
  /** C: tokens that the caches hold; of modules without a cache, the stride of the given keys. */
  readonly capacity: number;
}

/** Runs calls one after the other on the f64 reference, with weights, keys and caches rounded as the module stores them. */
export function traceCalls(
  module: AttnModule,
  weights: ReadonlyMap<string, ArrayLike<number>>,
  { batch, capacity }: TraceSizes,
  calls: readonly TracedCall[],
): readonly CallTrace[] {
  const oracle = createOracle(module, weights, { batch, capacity, storage: 'rounded' });
  const isCached = module.nodes.some(({ op, rows }) => op === 'append' && rows !== 'context');
  return calls.map((call) => {
    const { counts } = call;
    const context = contextRows(module, call);
    const past =
      context === undefined ? pastOf(call, isCached ? oracle.past() : undefined, capacity) : counts.map(() => 0);
    const recorder = new Recorder(module);
    const outputs = oracle.forward({ ...call, onNode: (node, tensors) => recorder.record(node, tensors) });
    const step: Step = {
      batch,
      tokens: Math.max(...counts),
      keys: context ?? Math.max(...counts.map((count, b) => (past[b] ?? 0) + count)),
      capacity,
      allLogits: call.logits === 'all',
      sequences: counts.map((count, b) => ({ past: past[b] ?? 0, count, prefix: call.prefix?.[b] ?? 0 })),
    };
    return { call, step, ...(context && { contextStep: contextStep(step, context) }), nodes: recorder.nodes, outputs };
  });
}

function contextRows({ nodes }: AttnModule, { inputs }: TracedCall): number | undefined {
  if (!nodes.some(needsContext)) return undefined;
  return (inputs?.get('context') ?? inputs?.get('k_in'))?.shape[1];
}

/** Position of each sequence's first new token: after its cache; with given keys so that the last token meets the last key. */
function pastOf(
  { counts, keyCounts }: TracedCall,
  cached: readonly number[] | undefined,
  capacity: number,
): readonly number[] {
  if (cached !== undefined) return cached;
  return counts.map((count, b) => (keyCounts?.[b] ?? capacity) - count);
}

const contextStep = (step: Step, rows: number): Step => ({
  ...step,
  tokens: rows,
  keys: rows,
  sequences: step.sequences.map(() => ({ past: 0, count: rows })),
});

/** Caches change in place, so they are copied: all before the first node, and those of an append after it. */
class Recorder {
  readonly nodes: NodeTrace[] = [];
  readonly #caches: readonly string[];
  readonly #copies = new Map<string, Tensor>();
  #previous: ReadonlyMap<string, Tensor> | undefined;

  constructor(module: AttnModule) {
    this.#caches = [...module.tensors.values()].filter(({ role }) => role === 'cache').map(({ name }) => name);
  }

  record(node: Node, tensors: ReadonlyMap<string, Tensor>): void {
    if (this.#previous === undefined) this.#copy(this.#caches, tensors);
    // No module begins with a node that overwrites what it reads, so what follows the first node shows its inputs.
    const before = this.#previous ?? this.#snapshot(tensors);
    if (node.op === 'append') this.#copy([node.kCache, ...(node.vCache ? [node.vCache] : [])], tensors);
    const after = this.#snapshot(tensors);
    const names = usesOf(node).flatMap(({ access, tensor }) => (access === 'read' ? [] : [tensor]));
    const written = new Map(names.flatMap((name) => entry(name, after.get(name))));
    this.nodes.push({ node, before, written });
    this.#previous = after;
  }

  #copy(names: readonly string[], tensors: ReadonlyMap<string, Tensor>): void {
    for (const name of names) {
      const tensor = tensors.get(name);
      if (tensor !== undefined) this.#copies.set(name, { ...tensor, data: tensor.data.slice() });
    }
  }

  #snapshot(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
    return new Map([...tensors, ...this.#copies]);
  }
}

const entry = (name: string, tensor: Tensor | undefined): readonly (readonly [string, Tensor])[] =>
  tensor === undefined ? [] : [[name, tensor]];

/**
 * One node by itself, on inputs that no model need ever feed it: caches and activations are given by name.
 * @param counts new tokens and, where there are keys, all keys of each sequence.
 */
export function traceNode(
  module: AttnModule,
  node: Node,
  weights: ReadonlyMap<string, ArrayLike<number>>,
  {
    counts,
    keyCounts,
    inputs,
    prefix,
  }: Required<Pick<TracedCall, 'counts' | 'keyCounts' | 'inputs'>> & Pick<TracedCall, 'prefix'>,
): CallTrace {
  const own = new Set(usesOf(node).map(({ tensor }) => tensor));
  const tensors = [...module.tensors]
    .filter(([name]) => own.has(name))
    .map(([name, tensor]): [string, TensorDecl] => [name, inputs.has(name) ? { ...tensor, role: 'input' } : tensor]);
  // The reference takes the number of rows from one of a module's own inputs.
  const batch = counts.length;
  const tokens = Math.max(...counts);
  const capacity = Math.max(...keyCounts);
  const rowInputs = { hidden_in: tokens, ...(needsContext(node) && { context: capacity }) };
  const declared = Object.keys(rowInputs).map(
    (name) => [name, { name, role: 'input', dtype: 'f32', shape: [] }] as const,
  );
  const given = Object.entries(rowInputs).map(([name, rows]) => [name, emptyRows(batch, rows)] as const);
  const alone = { ...module, tensors: new Map<string, TensorDecl>([...tensors, ...declared]), nodes: [node] };
  const call = { counts, keyCounts, ...(prefix && { prefix }), inputs: new Map([...inputs, ...given]) };
  const ownWeights = new Map([...weights].filter(([name]) => own.has(name)));
  const [trace] = traceCalls(alone, ownWeights, { batch, capacity }, [call]);
  if (trace === undefined) throw new Error('a call has a trace');
  return trace;
}

const emptyRows = (batch: number, rows: number) => ({ shape: [batch, rows, 0], data: new Float32Array(0) });
