import { constantOf } from '../check/dims.ts';
import type { AttnModule, Node, TensorDecl } from '../ir/nodes.ts';
import { needsContext } from '../ir/uses.ts';
import { evaluateAttention } from './attention.ts';
import { evaluateEmbed } from './embed.ts';
import { evaluateExpertsDown, evaluateExpertsUp, evaluateRoute } from './experts.ts';
import { evaluateGateHeads, evaluateMixValues } from './gates.ts';
import {
  evaluateAppend,
  evaluateHeadInputs,
  evaluateLatentHeads,
  evaluateLatentQueries,
  evaluateLatentValues,
  evaluateMemoryKeys,
  evaluateQueryHeads,
} from './heads.ts';
import { evaluateHeadResults, evaluateLinear } from './linear.ts';
import { evaluateNorm } from './norm.ts';
import { quantizedValues } from './quantized-values.ts';
import { roundTensor } from './rounding.ts';
import { contextStep, type Step } from './step.ts';
import { type Tensor, tensorOf, zeros } from './tensor.ts';

export interface OracleOptions {
  /** B: number of sequences. */
  readonly batch: number;
  /** C: tokens of each sequence that the caches hold. Modules without a cache ignore it. */
  readonly capacity: number;
  /**
   * `exact` (default): everything is f64. `rounded`: weights, given keys and values, and caches are rounded to the dtypes
   * that the module declares, so that what is left of a device's error is arithmetic.
   */
  readonly storage?: 'exact' | 'rounded';
}

export interface OracleCall {
  /** New token ids of each sequence; sequences may differ in length. */
  readonly ids?: readonly (readonly number[])[];
  /**
   * Other inputs by tensor name: `hidden_in` `[B, I, hidden]`, or `q_in` `[B, I, H, hidden]`, `k_in` and `v_in` `[B, I, K, hidden]`, or `q` `[B, I, H, D]`, `k` `[B, J, K, D]`, `v` `[B, J, K, Dv]`;
   * `context` `[B, X, width]`; `key_mask` `[B, J]` of 0 and 1, or `[B, X]` over a context; `documents` `[B, J]`; `active_heads` `[H]`; `bias` `[1|B, 1|H, I, J]`.
   */
  readonly inputs?: ReadonlyMap<string, OracleInput>;
  /** New tokens of each sequence, when fewer than the rows of the inputs. */
  readonly counts?: readonly number[];
  /** Given keys of each sequence, when fewer than the rows of `k`. */
  readonly keyCounts?: readonly number[];
  /** Rows of the context of each sequence, when fewer than the rows of `context`. */
  readonly contextCounts?: readonly number[];
  /** Keys of each sequence that all of its queries see, with `mask.prefix: runtime`; default none. */
  readonly prefix?: readonly number[];
  /** Which logits a model gives: `[B, vocab]` of the last token of each sequence (default), or `[B, I, vocab]`. */
  readonly logits?: 'last' | 'all';
  /** Called after each node with everything written so far. Caches change in place later, other tensors do not. */
  readonly onNode?: (node: Node, tensors: ReadonlyMap<string, Tensor>) => void;
}

export interface OracleInput {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** The f64 reading of a module. Caches and the number of tokens so far are kept between calls. */
export interface Oracle {
  /** Runs all nodes. Out: the module's outputs by name. */
  forward(call: OracleCall): ReadonlyMap<string, Tensor>;
  /** Tokens of each sequence so far. */
  past(): readonly number[];
  /** Forgets all tokens. */
  reset(): void;
}

/**
 * Interprets the nodes of `module` one by one, written from the documents of `ir/nodes.ts` alone: it shares no code with the kernels.
 * @param weights every weight by canonical name, in the order of its shape; see `gatherWeights`.
 * @throws Error naming a weight that is missing or has the wrong size.
 */
export function createOracle(
  module: AttnModule,
  weights: ReadonlyMap<string, ArrayLike<number>>,
  options: OracleOptions,
): Oracle {
  const rounded = options.storage === 'rounded';
  const resident = new Map([...loadWeights(module, weights, rounded), ...allocateCaches(module, options)]);
  const outputs = [...module.tensors.values()].filter(({ role }) => role === 'output');
  const cached = module.nodes.some(({ op, rows }) => op === 'append' && rows !== 'context');
  const crosses = module.nodes.some(needsContext);
  let past: readonly number[] = Array.from({ length: options.batch }, () => 0);

  return {
    forward(call) {
      const inputs = bindInputs(module, call, rounded);
      const step = beginStep(call, inputs, { ...options, past, cached, crosses, rounded });
      for (const [name, tensor] of resident) step.tensors.set(name, tensor);
      for (const node of module.nodes) {
        const result = evaluateNode(node, node.rows === 'context' ? contextStep(step) : step);
        if (result && node.op !== 'append') step.tensors.set(node.out, result);
        call.onNode?.(node, step.tensors);
      }
      if (cached) past = past.map((tokens, b) => tokens + (step.counts[b] ?? 0));
      return new Map(outputs.flatMap((output) => named(output, step.tensors.get(output.name))));
    },
    past: () => past,
    reset() {
      past = past.map(() => 0);
    },
  };
}

function evaluateNode(node: Node, step: Step): Tensor | undefined {
  switch (node.op) {
    case 'embed':
      return evaluateEmbed(node, step);
    case 'norm':
      return evaluateNorm(node, step);
    case 'linear':
      return evaluateLinear(node, step);
    case 'route':
      return evaluateRoute(node, step);
    case 'experts_up':
      return evaluateExpertsUp(node, step);
    case 'experts_down':
      return evaluateExpertsDown(node, step);
    case 'latent_heads':
      return evaluateLatentHeads(node, step);
    case 'latent_queries':
      return evaluateLatentQueries(node, step);
    case 'latent_values':
      return evaluateLatentValues(node, step);
    case 'query_heads':
      return evaluateQueryHeads(node, step);
    case 'append':
      evaluateAppend(node, step);
      return undefined;
    case 'memory_keys':
      return evaluateMemoryKeys(node, step);
    case 'mix_values':
      return evaluateMixValues(node, step);
    case 'attention':
      return evaluateAttention(node, step);
    case 'gate_heads':
      return evaluateGateHeads(node, step);
    case 'head_inputs':
      return evaluateHeadInputs(node, step);
    case 'head_results':
      return evaluateHeadResults(node, step);
  }
}

function loadWeights(module: AttnModule, weights: ReadonlyMap<string, ArrayLike<number>>, rounded: boolean) {
  const loaded = new Map<string, Tensor>();
  for (const declared of module.tensors.values()) {
    const { name, weight, shape } = declared;
    if (weight === undefined) continue;
    const values = weights.get(name);
    if (values === undefined) throw new Error(`weight ${name} is missing`);
    const tensor = tensorOf(
      name,
      values,
      shape.map((extent) => constantOf(extent) ?? 0),
    );
    loaded.set(name, rounded ? { ...tensor, data: storedValues(tensor.data, declared) } : tensor);
  }
  return loaded;
}

function storedValues(values: Float64Array, { name, dtype, shape, weight }: TensorDecl): Float64Array {
  if (weight?.quantization !== undefined) return quantizedValues(values.map(Math.fround), weight.quantization);
  if (dtype === 'int4') throw new Error(`${name} is ${dtype} without groups`);
  return roundTensor(values, dtype, constantOf(shape.at(-1) ?? 1));
}

function allocateCaches(module: AttnModule, { batch, capacity }: OracleOptions): ReadonlyMap<string, Tensor> {
  const caches = new Map<string, Tensor>();
  for (const node of module.nodes) {
    if (node.op !== 'append') continue;
    caches.set(node.kCache, zeros([batch, node.kvHeads, capacity, node.headDim]));
    if (node.vCache !== undefined) caches.set(node.vCache, zeros([batch, node.kvHeads, capacity, node.valueDim]));
  }
  return caches;
}

function bindInputs(module: AttnModule, call: OracleCall, rounded: boolean): Map<string, Tensor> {
  const bound = new Map<string, Tensor>();
  for (const declared of module.tensors.values()) {
    const { name, role } = declared;
    if (role !== 'input') continue;
    const given = name === 'ids' && call.ids ? padIds(call.ids) : call.inputs?.get(name);
    if (given === undefined) throw new Error(`input ${name} is missing`);
    const tensor = tensorOf(name, given.data, given.shape);
    bound.set(name, rounded ? { ...tensor, data: storedValues(tensor.data, declared) } : tensor);
  }
  return bound;
}

function padIds(ids: readonly (readonly number[])[]): OracleInput {
  const length = Math.max(0, ...ids.map((sequence) => sequence.length));
  const data = ids.flatMap((sequence) => [...sequence, ...new Array<number>(length - sequence.length).fill(0)]);
  return { data, shape: [ids.length, length] };
}

interface StepContext extends OracleOptions {
  readonly past: readonly number[];
  readonly cached: boolean;
  readonly crosses: boolean;
  readonly rounded: boolean;
}

/** Inputs whose second axis counts the new tokens. */
const rowInputs = ['ids', 'hidden_in', 'q_in', 'q'];

function beginStep(call: OracleCall, inputs: Map<string, Tensor>, context: StepContext): Step {
  const { batch, capacity, rounded, cached } = context;
  const rows = rowInputs.map((name) => inputs.get(name)).find((input) => input !== undefined)?.shape ?? [];
  if (rows[0] !== batch) throw new Error(`the call has ${rows[0]} sequences, the oracle was made for ${batch}`);
  const length = rows[1] ?? 0;
  const counts = call.counts ?? call.ids?.map((sequence) => sequence.length) ?? fill(batch, length);
  const keys = inputs.get('k')?.shape[1];
  const keyCounts = call.keyCounts ?? (keys === undefined ? counts : fill(batch, keys));
  const past = cached ? context.past : keyCounts.map((count, b) => count - (counts[b] ?? 0));
  const prefix = call.prefix ?? fill(batch, 0);
  const base = {
    batch,
    capacity,
    length,
    counts,
    past,
    prefix,
    logits: call.logits ?? 'last',
    rounded,
    tensors: inputs,
  };
  const given = context.crosses ? (inputs.get('context') ?? inputs.get('k_in'))?.shape[1] : undefined;
  if (given === undefined) return base;
  return { ...base, context: { length: given, counts: call.contextCounts ?? fill(batch, given) } };
}

const fill = (length: number, value: number): readonly number[] => Array.from({ length }, () => value);

/** Projections write all heads as one axis: an output has the axes that it is declared with. */
function named({ name, shape }: TensorDecl, tensor: Tensor | undefined): readonly (readonly [string, Tensor])[] {
  if (tensor === undefined) return [];
  const last = tensor.shape.length - 1;
  const split = shape.slice(last).map((extent) => constantOf(extent) ?? 0);
  return [[name, shape.length > last + 1 ? { ...tensor, shape: [...tensor.shape.slice(0, last), ...split] } : tensor]];
}
