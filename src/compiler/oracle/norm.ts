import type { HeadNorm, NormNode } from '../ir/nodes.ts';
import { eachToken, read, type Step } from './step.ts';
import { dot, type Tensor, zeros } from './tensor.ts';

export function evaluateNorm(node: NormNode, step: Step): Tensor {
  const x = read(step, node.x);
  const weight = read(step, node.weight).data;
  const bias = node.bias === undefined ? undefined : read(step, node.bias).data;
  const { width } = node;
  const offset = node.unitOffset ? 1 : 0;
  const out = zeros(x.shape);
  eachToken(step, (row) => {
    const at = row * width;
    const mean = node.kind === 'layer' ? meanOf(x.data, at, width) : 0;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += ((x.data[at + i] as number) - mean) ** 2;
    const factor = inverse(Math.sqrt(squares / width + node.eps));
    for (let i = 0; i < width; i++) {
      const scaled = ((x.data[at + i] as number) - mean) * factor * ((weight[i] as number) + offset);
      out.data[at + i] = scaled + (bias?.[i] ?? 0);
    }
  });
  return out;
}

/** Normalises the D entries at `at` of `x` in place. `weight` is the γ that the norm names, if any. */
export function normaliseHead(
  norm: HeadNorm,
  weight: Float64Array | undefined,
  x: Float64Array,
  at: number,
  headDim: number,
): void {
  const width = headDim / norm.groups;
  for (let start = at; start < at + headDim; start += width) {
    const squares = dot(x, start, x, start, width);
    const factor =
      norm.kind === 'l2'
        ? inverse(Math.max(Math.sqrt(squares), norm.eps))
        : inverse(Math.sqrt(squares / width + norm.eps));
    for (let i = 0; i < width; i++) x[start + i] = (x[start + i] as number) * factor;
  }
  if (weight === undefined) return;
  const offset = norm.unitOffset ? 1 : 0;
  for (let i = 0; i < headDim; i++) x[at + i] = (x[at + i] as number) * ((weight[i] as number) + offset);
}

function meanOf(x: Float64Array, at: number, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += x[at + i] as number;
  return sum / width;
}

/** Only a row of zeros with eps 0 has length 0: it stays zero. */
const inverse = (length: number) => (length > 0 ? 1 / length : 0);
