import type { GateHeadsNode, MixValuesNode } from '../ir/nodes.ts';
import { eachToken, read, type Step } from './step.ts';
import type { Tensor } from './tensor.ts';

/** v₀ + m · (v − v₀), with one m for all values or one for each token and KV head. */
export function evaluateMixValues(node: MixValuesNode, step: Step): Tensor {
  const { kvHeads, valueDim } = node;
  const own = read(step, node.out);
  const first = read(step, node.first).data;
  const gate = typeof node.mix === 'number' ? undefined : read(step, node.mix.gate).data;
  const fixed = typeof node.mix === 'number' ? node.mix : 0;
  const data = own.data.slice();
  eachToken(step, (row) => {
    for (let head = 0; head < kvHeads; head++) {
      const mix = gate ? (gate[row * kvHeads + head] as number) : fixed;
      const at = (row * kvHeads + head) * valueDim;
      for (let i = at; i < at + valueDim; i++) {
        const start = first[i] as number;
        data[i] = start + mix * ((data[i] as number) - start);
      }
    }
  });
  return { shape: own.shape, data };
}

/** Multiplies each head's output with the factors that the node names. */
export function evaluateGateHeads(node: GateHeadsNode, step: Step): Tensor {
  const { heads, valueDim } = node;
  const z = read(step, node.out);
  const factors = (name: string | undefined) => (name === undefined ? undefined : read(step, name).data);
  const [scale, head, entry] = [node.scale, node.head, node.entry].map(factors);
  const data = z.data.slice();
  eachToken(step, (row) => {
    for (let h = 0; h < heads; h++) {
      const factor = (scale?.[h] ?? 1) * (head?.[row * heads + h] ?? 1);
      for (let d = 0; d < valueDim; d++) {
        const at = (row * heads + h) * valueDim + d;
        data[at] = (data[at] as number) * factor * (entry?.[at] ?? 1);
      }
    }
  });
  return { shape: z.shape, data };
}
