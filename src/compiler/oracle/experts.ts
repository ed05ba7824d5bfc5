import type { ExpertsDownNode, ExpertsUpNode, RouteNode } from '../ir/nodes.ts';
import { activated } from './activations.ts';
import { eachToken, read, type Step } from './step.ts';
import { addScaled, dot, type Tensor, zeros } from './tensor.ts';

/** Out: the weights of the chosen experts; which they are becomes the tensor `chosen`. */
export function evaluateRoute(node: RouteNode, step: Step): Tensor {
  const { experts, active } = node;
  const logits = read(step, node.logits).data;
  const correction = node.correction === undefined ? undefined : read(step, node.correction).data;
  const chosen = zeros([step.batch, step.length, active]);
  const shares = zeros([step.batch, step.length, active]);
  eachToken(step, (row) => {
    const scores = scoresOf(node, [...logits.subarray(row * experts, (row + 1) * experts)]);
    const forChoice = scores.map((score, e) => score + (correction?.[e] ?? 0));
    const best = largest(withinGroups(node, forChoice), active);
    chosen.data.set(best, row * active);
    shares.data.set(
      sharesOf(
        node,
        best.map((e) => scores[e] ?? 0),
      ),
      row * active,
    );
  });
  step.tensors.set(node.chosen, chosen);
  return shares;
}

function scoresOf({ scoring }: RouteNode, logits: readonly number[]): readonly number[] {
  if (scoring === 'topk_softmax') return logits;
  return scoring === 'sigmoid' ? logits.map((x) => 1 / (1 + Math.exp(-x))) : softmax(logits);
}

function softmax(logits: readonly number[]): readonly number[] {
  const highest = Math.max(...logits);
  const powers = logits.map((x) => Math.exp(x - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Scores outside of the best groups become 0. */
function withinGroups({ groups }: RouteNode, scores: readonly number[]): readonly number[] {
  if (groups === undefined) return scores;
  const size = scores.length / groups.count;
  const ofGroups = Array.from({ length: groups.count }, (_, g) =>
    scores
      .slice(g * size, (g + 1) * size)
      .sort((a, b) => b - a)
      .slice(0, groups.top)
      .reduce((a, b) => a + b, 0),
  );
  const kept = new Set(largest(ofGroups, groups.active));
  return scores.map((score, e) => (kept.has(Math.floor(e / size)) ? score : 0));
}

/** Indices of the largest entries, the largest first; of equal ones the first. */
function largest(values: readonly number[], count: number): readonly number[] {
  const order = [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
  return order.slice(0, count);
}

function sharesOf({ scoring, normalized, scale }: RouteNode, scores: readonly number[]): readonly number[] {
  if (scoring === 'topk_softmax') return softmax(scores).map((share) => scale * share);
  const sum = normalized ? scores.reduce((a, b) => a + b, 0) + 1e-20 : 1;
  return scores.map((score) => (scale * score) / sum);
}

/** out `[B, I, active, outWidth]`. */
export function evaluateExpertsUp(node: ExpertsUpNode, step: Step): Tensor {
  const { active, inWidth, outWidth, gate } = node;
  const x = read(step, node.x).data;
  const chosen = read(step, node.chosen).data;
  const out = zeros([step.batch, step.length, active, outWidth]);
  const up = expertRow(node.weight, node.bias, node, step);
  const gateOf = gate && expertRow(gate.weight, gate.bias, node, step);
  eachToken(step, (row) => {
    for (let slot = 0; slot < active; slot++) {
      const at = row * active + slot;
      const expert = chosen[at] ?? 0;
      for (let o = 0; o < outWidth; o++) {
        const value = up(expert, o, x, row * inWidth);
        out.data[at * outWidth + o] = activated(node.activation, value, gateOf?.(expert, o, x, row * inWidth));
      }
    }
  });
  return out;
}

/** out `[B, I, outWidth]`. */
export function evaluateExpertsDown(node: ExpertsDownNode, step: Step): Tensor {
  const { active, inWidth, outWidth, scale = 1 } = node;
  const x = read(step, node.x).data;
  const chosen = read(step, node.chosen).data;
  const shares = read(step, node.shares).data;
  const shape = [step.batch, step.length, outWidth];
  const out = node.accumulate ? { shape, data: read(step, node.out).data.slice() } : zeros(shape);
  const down = expertRow(node.weight, node.bias, node, step);
  eachToken(step, (row) => {
    for (let slot = 0; slot < active; slot++) {
      const at = row * active + slot;
      const made = Float64Array.from({ length: outWidth }, (_, o) => down(chosen[at] ?? 0, o, x, at * inWidth));
      addScaled(out.data, row * outWidth, scale * (shares[at] ?? 0), made, 0, outWidth);
    }
  });
  return out;
}

/** Row o of an expert's matrix times the entries of x from `from` on, plus its bias. */
function expertRow(
  weight: string,
  bias: string | undefined,
  { inWidth, outWidth }: { readonly inWidth: number; readonly outWidth: number },
  step: Step,
) {
  const w = read(step, weight).data;
  const b = bias === undefined ? undefined : read(step, bias).data;
  return (expert: number, o: number, x: Float64Array, from: number) => {
    const row = expert * outWidth + o;
    return dot(x, from, w, row * inWidth, inWidth) + (b?.[row] ?? 0);
  };
}
