import type {
  AppendNode,
  HeadInputsNode,
  LatentHeadsNode,
  LatentQueriesNode,
  LatentValuesNode,
  MemoryKeysNode,
  QueryHeadsNode,
  Rotation,
} from '../ir/nodes.ts';
import { headNormsOf } from './norm.ts';
import { type Turns, turnsOf } from './rope.ts';
import { roundTensor } from './rounding.ts';
import { eachToken, read, type Step } from './step.ts';
import { addScaled, dot, type Tensor, zeros } from './tensor.ts';

export function evaluateQueryHeads(node: QueryHeadsNode, step: Step): Tensor {
  const { heads, headDim } = node;
  const data = read(step, node.x).data.slice();
  prepareHeads(node, heads, data, step);
  return { shape: [step.batch, step.length, heads, headDim], data };
}

/**
 * Writes the new keys and values into the caches `[B, K, C, D]` and `[B, K, C, Dv]`, in place.
 * @throws RangeError when a sequence is longer than the caches' capacity.
 */
export function evaluateAppend(node: AppendNode, step: Step): void {
  const keys = read(step, node.k).data.slice();
  prepareHeads(node, node.kvHeads, keys, step);
  store(keys, node.headDim, node.kCache, node, step);
  if (node.v !== undefined && node.vCache !== undefined)
    store(normalisedValues(node.v, node, step), node.valueDim, node.vCache, node, step);
}

function normalisedValues(v: string, { valueNorm, kvHeads, valueDim }: AppendNode, step: Step): Float64Array {
  const values = read(step, v).data;
  if (valueNorm === undefined) return values;
  const data = values.slice();
  const normalise = headNormsOf([valueNorm], step);
  eachToken(step, (row) => {
    for (let head = 0; head < kvHeads; head++) normalise(data, (row * kvHeads + head) * valueDim, valueDim, head);
  });
  return data;
}

export function evaluateHeadInputs({ x, edit, heads, width }: HeadInputsNode, step: Step): Tensor {
  const out = zeros([step.batch, step.length, heads, width]);
  const rows = read(step, x).data;
  const edits = read(step, edit).data;
  eachToken(step, (token) => {
    for (let e = 0; e < heads * width; e++) {
      const at = token * heads * width + e;
      out.data[at] = (rows[token * width + (e % width)] as number) + (edits[at] as number);
    }
  });
  return out;
}

/** Out: the values; the keys become the tensor `k`. */
export function evaluateLatentHeads(node: LatentHeadsNode, step: Step): Tensor {
  const { heads, rank, ownDim, sharedDim, valueDim } = node;
  const x = read(step, node.x).data;
  const latent = read(step, node.latent).data;
  const keys = zeros([step.batch, step.length, heads * (ownDim + sharedDim)]);
  const values = zeros([step.batch, step.length, heads * valueDim]);
  eachToken(step, (row) => {
    const shared = (row + 1) * (rank + sharedDim) - sharedDim;
    for (let head = 0; head < heads; head++) {
      const at = row * heads + head;
      const own = at * (ownDim + valueDim);
      keys.data.set(x.subarray(own, own + ownDim), at * (ownDim + sharedDim));
      keys.data.set(latent.subarray(shared, shared + sharedDim), at * (ownDim + sharedDim) + ownDim);
      values.data.set(x.subarray(own + ownDim, own + ownDim + valueDim), at * valueDim);
    }
  });
  step.tensors.set(node.k, keys);
  return values;
}

/** out `[B, I, heads, rank + sharedDim]`. */
export function evaluateLatentQueries(node: LatentQueriesNode, step: Step): Tensor {
  const { heads, rank, ownDim, sharedDim, valueDim } = node;
  const out = zeros([step.batch, step.length, heads, rank + sharedDim]);
  const q = read(step, node.q).data;
  const w = read(step, node.weight).data;
  eachToken(step, (row) => {
    for (let head = 0; head < heads; head++) {
      const from = (row * heads + head) * (ownDim + sharedDim);
      const to = (row * heads + head) * (rank + sharedDim);
      for (let e = 0; e < ownDim; e++)
        addScaled(out.data, to, q[from + e] as number, w, (head * (ownDim + valueDim) + e) * rank, rank);
      out.data.set(q.subarray(from + ownDim, from + ownDim + sharedDim), to + rank);
    }
  });
  return out;
}

/** out `[B, I, heads, valueDim]`. */
export function evaluateLatentValues(node: LatentValuesNode, step: Step): Tensor {
  const { heads, rank, ownDim, valueDim } = node;
  const out = zeros([step.batch, step.length, heads, valueDim]);
  const z = read(step, node.z).data;
  const w = read(step, node.weight).data;
  eachToken(step, (row) => {
    for (let head = 0; head < heads; head++) {
      const at = row * heads + head;
      const first = head * (ownDim + valueDim) + ownDim;
      for (let e = 0; e < valueDim; e++) out.data[at * valueDim + e] = dot(z, at * rank, w, (first + e) * rank, rank);
    }
  });
  return out;
}

/** Memory keys have no position: they are normalised, never rotated. */
export function evaluateMemoryKeys(node: MemoryKeysNode, step: Step): Tensor {
  const { kvHeads, slots, headDim } = node;
  const data = read(step, node.memory).data.slice();
  const normalise = headNormsOf(node.norms, step);
  for (let row = 0; row < kvHeads * slots; row++) normalise(data, row * headDim, headDim, Math.floor(row / slots));
  return { shape: [kvHeads, slots, headDim], data };
}

function prepareHeads(node: QueryHeadsNode | AppendNode, heads: number, data: Float64Array, step: Step): void {
  const { norms, rotation, headDim } = node;
  const normalise = headNormsOf(norms, step);
  const turns = rotation && turnsOf(rotation, step.capacity);
  eachToken(step, (row, position) => {
    for (let head = 0; head < heads; head++) {
      const at = (row * heads + head) * headDim;
      normalise(data, at, headDim, head);
      if (rotation && turns && head >= rotation.firstHead) rotate(rotation, turns, data, at, position);
    }
  });
}

/** Angles are computed here, not read from the table. */
function rotate(
  { dim, pairing, firstEntry = 0 }: Rotation,
  turns: Turns,
  data: Float64Array,
  at: number,
  position: number,
): void {
  for (const [j, speed] of turns.speeds.entries()) {
    const cos = turns.factor * Math.cos(position * speed);
    const sin = turns.factor * Math.sin(position * speed);
    const first = at + firstEntry + (pairing === 'half' ? j : 2 * j);
    const second = pairing === 'half' ? first + dim / 2 : first + 1;
    const x = data[first] as number;
    const y = data[second] as number;
    data[first] = x * cos - y * sin;
    data[second] = y * cos + x * sin;
  }
}

function store(rows: Float64Array, width: number, cacheName: string, node: AppendNode, step: Step): void {
  const cache = read(step, cacheName);
  const capacity = cache.shape[2] ?? 0;
  const stored = step.rounded ? roundTensor(rows, node.cacheDtype, width) : rows;
  eachToken(step, (row, position, sequence) => {
    if (position >= capacity)
      throw new RangeError(`position ${position} does not fit into a cache of ${capacity} tokens`);
    for (let head = 0; head < node.kvHeads; head++) {
      const from = (row * node.kvHeads + head) * width;
      const to = ((sequence * node.kvHeads + head) * capacity + position) * width;
      cache.data.set(stored.subarray(from, from + width), to);
    }
  });
}
