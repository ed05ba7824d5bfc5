/** Routers and experts as the models' own code has them: every expert is computed, and those that are not chosen get weight 0. */
type Vector = readonly number[];
type Matrix = readonly Vector[];

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function softmax(logits: Vector): Vector {
  const powers = logits.map(Math.exp);
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
}

/** Indices of the k largest, in no order. */
function topk(values: Vector, k: number): ReadonlySet<number> {
  const rest = new Set(values.keys());
  const chosen = new Set<number>();
  while (chosen.size < k) {
    const best = [...rest].reduce((a, b) => ((values[b] ?? 0) > (values[a] ?? 0) ? b : a));
    rest.delete(best);
    chosen.add(best);
  }
  return chosen;
}

const masked = (values: Vector, kept: ReadonlySet<number>) => values.map((value, i) => (kept.has(i) ? value : 0));
const sum = (values: Vector) => values.reduce((a, b) => a + b, 0);

/** Softmax over all, the k largest, then divided by their sum: Mixtral, Qwen3-MoE and MiniMind; not divided in Qwen2-MoE. */
export function softmaxRouter(logits: Vector, k: number, normalized: boolean): Vector {
  const scores = softmax(logits);
  const weights = masked(scores, topk(scores, k));
  return normalized ? weights.map((weight) => weight / sum(weights)) : weights;
}

/** gpt-oss: the k largest logits, then a softmax over these. */
export function topkRouter(logits: Vector, k: number): Vector {
  const kept = topk(logits, k);
  const hidden = logits.map((logit, i) => (kept.has(i) ? logit : Number.NEGATIVE_INFINITY));
  return softmax(hidden);
}

/** DeepSeek-V3: sigmoid scores; a bias and groups for the choice only; normalised and scaled. */
export function deepseekRouter(
  logits: Vector,
  bias: Vector,
  { k, groups, activeGroups, scale }: { k: number; groups: number; activeGroups: number; scale: number },
): Vector {
  const scores = logits.map(sigmoid);
  const forChoice = scores.map((score, e) => score + (bias[e] ?? 0));
  const size = logits.length / groups;
  const inGroups = Array.from({ length: groups }, (_, g) => forChoice.slice(g * size, (g + 1) * size));
  const groupScores = inGroups.map((group) => sum(masked(group, topk(group, 2))));
  const kept = topk(groupScores, activeGroups);
  const limited = inGroups.flatMap((group, g) => group.map((score) => (kept.has(g) ? score : 0)));
  const weights = masked(scores, topk(limited, k));
  return weights.map((weight) => (scale * weight) / (sum(weights) + 1e-20));
}

export const times = (matrix: Matrix, x: Vector): Vector =>
  matrix.map((row) => sum(row.map((w, i) => w * (x[i] ?? 0))));

export const silu = (x: number) => x * sigmoid(x);

/** (u + 1) · g · σ(alpha · g), both clamped. */
export const clampedSwiglu = (gate: number, up: number, limit: number, alpha: number) => {
  const g = gate > limit ? limit : gate;
  const u = up > limit ? limit : up < -limit ? -limit : up;
  return (u + 1) * g * sigmoid(alpha * g);
};

/** Σ weight_e · output_e. */
export const mixed = (weights: Vector, outputs: Matrix): Vector =>
  (outputs[0] ?? []).map((_, o) => sum(weights.map((weight, e) => weight * (outputs[e]?.[o] ?? 0))));
