import type { HeadNorm, NormNode } from '../ir/nodes.ts';
import { eachToken, read, type Step } from './step.ts';
import { addScaled, type Tensor, zeros } from './tensor.ts';

export function evaluateNorm(node: NormNode, step: Step): Tensor {
  const x = read(step, node.x);
  const weight = node.weight === undefined ? undefined : read(step, node.weight).data;
  const bias = node.bias === undefined ? undefined : read(step, node.bias).data;
  const { width, xWidth = width, heads = 1 } = node;
  const outWidth = node.rest ? xWidth : width;
  const offset = node.unitOffset ? 1 : 0;
  const shape = [...x.shape.slice(0, -1), outWidth];
  const out = node.accumulate ? { shape, data: read(step, node.out).data.slice() } : zeros(shape);
  const normalise = (row: number) => {
    const from = row * xWidth;
    const at = row * outWidth;
    const mean = node.kind === 'layer' ? meanOf(x.data, from, width) : 0;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += ((x.data[from + i] as number) - mean) ** 2;
    const factor = inverse(Math.sqrt(squares / width + node.eps));
    for (let i = 0; i < width; i++) {
      const gamma = weight === undefined ? 1 : (weight[i] as number) + offset;
      const scaled = ((x.data[from + i] as number) - mean) * factor * gamma;
      out.data[at + i] = (out.data[at + i] as number) + scaled + (bias?.[i] ?? 0);
    }
    out.data.set(x.data.subarray(from + width, from + outWidth), at + width);
  };
  eachToken(step, (token) => {
    for (let head = 0; head < heads; head++) normalise(token * heads + head);
  });
  return out;
}

/** Applies the norms of a head, in order, to the `width` entries at `at` of `x`, in place. Their weights are the head's own or shared. */
export type NormaliseHead = (x: Float64Array, at: number, width: number, head: number) => void;

export function headNormsOf(norms: readonly HeadNorm[], step: Step): NormaliseHead {
  const loaded = norms.map((norm) => ({
    norm,
    weight: norm.tensor === undefined ? undefined : read(step, norm.tensor),
    bias: norm.biasTensor === undefined ? undefined : read(step, norm.biasTensor),
  }));
  return (x, at, width, head) => {
    for (const { norm, weight, bias } of loaded) {
      for (let part = 0; part < norm.groups; part++) {
        normalisePart(norm, x, at + (part * width) / norm.groups, width / norm.groups);
      }
      const first = norm.weight === 'per_head' ? head * width : 0;
      if (weight) scaleHead(norm, weight.data, first, x, at, width);
      if (bias) addScaled(x, at, 1, bias.data, first, width);
    }
  };
}

function normalisePart({ kind, eps }: HeadNorm, x: Float64Array, at: number, width: number): void {
  const mean = kind === 'layer' ? meanOf(x, at, width) : 0;
  let squares = 0;
  for (let i = 0; i < width; i++) squares += ((x[at + i] as number) - mean) ** 2;
  const length = kind === 'l2' ? Math.max(Math.sqrt(squares), eps) : Math.sqrt(squares / width + eps);
  for (let i = 0; i < width; i++) x[at + i] = ((x[at + i] as number) - mean) * inverse(length);
}

function scaleHead(
  { unitOffset }: HeadNorm,
  weight: Float64Array,
  weightAt: number,
  x: Float64Array,
  at: number,
  width: number,
): void {
  const offset = unitOffset ? 1 : 0;
  for (let i = 0; i < width; i++) x[at + i] = (x[at + i] as number) * ((weight[weightAt + i] as number) + offset);
}

function meanOf(x: Float64Array, at: number, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += x[at + i] as number;
  return sum / width;
}

/** Only a row of zeros with eps 0 has length 0: it stays zero. */
const inverse = (length: number) => (length > 0 ? 1 / length : 0);
