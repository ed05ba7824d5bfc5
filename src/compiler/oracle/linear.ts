import type { HeadResultsNode, LinearNode } from '../ir/nodes.ts';
import { activated } from './activations.ts';
import { eachToken, read, type Step } from './step.ts';
import { dot, type Tensor, zeros } from './tensor.ts';

interface RowPair {
  /** Row of the input, in `[B, I]`. */
  readonly from: number;
  /** Row of the output. */
  readonly to: number;
}

/** out `[B, I, outWidth]`; for the last logits only, `[B, outWidth]`. */
export function evaluateLinear(node: LinearNode, step: Step): Tensor {
  const lastOnly = node.logits && step.logits === 'last';
  const shape = lastOnly ? [step.batch, node.outWidth] : [step.batch, step.length, node.outWidth];
  const out = node.accumulate ? { shape, data: read(step, node.out).data.slice() } : zeros(shape);
  const rows = lastOnly ? lastRows(step) : allRows(step);
  const x = read(step, node.x).data;
  const project = projection(node, node, step);
  const gate = node.gate && projection(node.gate, node, step);
  const finish = finishing(node);
  for (let o = 0; o < node.outWidth; o++) {
    for (const { from, to } of rows) {
      const value = project(x, from, o);
      const y = finish(activated(node.activation, value, gate?.(x, from, o)));
      const at = to * node.outWidth + o;
      out.data[at] = (out.data[at] as number) + y;
    }
  }
  return out;
}

/** Clip, scale and softcap, in this order. */
function finishing({ clip, scale = 1, softcap }: LinearNode): (y: number) => number {
  const clipped = clip === undefined ? (y: number) => y : (y: number) => Math.min(clip, Math.max(-clip, y));
  if (softcap === undefined) return (y) => scale * clipped(y);
  return (y) => softcap * Math.tanh((scale * clipped(y)) / softcap);
}

type Matrix = Pick<LinearNode, 'weight' | 'bias'>;

function projection({ weight, bias }: Matrix, { inWidth, outWidth, inputHeads = 1 }: LinearNode, step: Step) {
  const w = read(step, weight).data;
  const b = bias === undefined ? undefined : read(step, bias).data;
  const outputsEach = outWidth / inputHeads;
  return (x: Float64Array, row: number, o: number) => {
    const xRow = row * inputHeads + Math.floor(o / outputsEach);
    return dot(x, xRow * inWidth, w, o * inWidth, inWidth) + (b?.[o] ?? 0);
  };
}

function allRows(step: Step): readonly RowPair[] {
  const rows: RowPair[] = [];
  eachToken(step, (row) => rows.push({ from: row, to: row }));
  return rows;
}

function lastRows(step: Step): readonly RowPair[] {
  return step.counts.flatMap((count, sequence) =>
    count === 0 ? [] : [{ from: sequence * step.length + count - 1, to: sequence }],
  );
}

/** out `[B, I, H, width]`: each head's part of the sum that the output projection is. */
export function evaluateHeadResults(node: HeadResultsNode, step: Step): Tensor {
  const { heads, valueDim, width } = node;
  const out = zeros([step.batch, step.length, heads, width]);
  const z = read(step, node.z).data;
  const w = read(step, node.weight).data;
  eachToken(step, (row) => {
    for (let head = 0; head < heads; head++) {
      const zAt = (row * heads + head) * valueDim;
      for (let o = 0; o < width; o++)
        out.data[(row * heads + head) * width + o] = dot(z, zAt, w, (o * heads + head) * valueDim, valueDim);
    }
  });
  return out;
}
