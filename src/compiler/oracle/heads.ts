import type { AppendNode, MemoryKeysNode, QueryHeadsNode, Rotation } from '../ir/nodes.ts';
import { normaliseHead } from './norm.ts';
import { roundTensor } from './rounding.ts';
import { eachToken, read, type Step } from './step.ts';
import type { Tensor } from './tensor.ts';

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
  store(read(step, node.v).data, node.valueDim, node.vCache, node, step);
}

/** Memory keys have no position: they are normalised, never rotated. */
export function evaluateMemoryKeys(node: MemoryKeysNode, step: Step): Tensor {
  const data = read(step, node.memory).data.slice();
  const weight = node.norm.weight === undefined ? undefined : read(step, node.norm.weight).data;
  for (let at = 0; at < data.length; at += node.headDim) normaliseHead(node.norm, weight, data, at, node.headDim);
  return { shape: [node.kvHeads, node.slots, node.headDim], data };
}

function prepareHeads(node: QueryHeadsNode | AppendNode, heads: number, data: Float64Array, step: Step): void {
  const { norm, rotation, headDim } = node;
  const weight = norm?.weight === undefined ? undefined : read(step, norm.weight).data;
  eachToken(step, (row, position) => {
    for (let head = 0; head < heads; head++) {
      const at = (row * heads + head) * headDim;
      if (norm) normaliseHead(norm, weight, data, at, headDim);
      if (rotation) rotate(rotation, data, at, position);
    }
  });
}

/** Su et al., "RoFormer", 2021: pair j turns by position · base^(−2j / dim). Angles are computed here, not read from the table. */
function rotate({ dim, base, pairing }: Rotation, data: Float64Array, at: number, position: number): void {
  for (let j = 0; j < dim / 2; j++) {
    const angle = position * base ** ((-2 * j) / dim);
    const first = at + (pairing === 'half' ? j : 2 * j);
    const second = pairing === 'half' ? first + dim / 2 : first + 1;
    const x = data[first] as number;
    const y = data[second] as number;
    data[first] = x * Math.cos(angle) - y * Math.sin(angle);
    data[second] = y * Math.cos(angle) + x * Math.sin(angle);
  }
}

function store(rows: Float64Array, width: number, cacheName: string, node: AppendNode, step: Step): void {
  const cache = read(step, cacheName);
  const capacity = cache.shape[2] ?? 0;
  const stored = step.rounded ? roundTensor(rows, node.cacheDtype) : rows;
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
