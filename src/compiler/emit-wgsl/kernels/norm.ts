import type { NormPlan } from '../../plan/kernel-plan.ts';
import { foldOfLanes } from '../fold.ts';
import { f32c, type KernelSource, u32c } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';

const formulas: Readonly<Record<NormPlan['kind'], string>> = {
  rms: 'x / sqrt(mean(x²) + eps) · γ',
  layer: '(x − mean(x)) / sqrt(var(x) + eps) · γ',
};

/** One workgroup per row. Each invocation sums its share of the entries, then the shares are folded. */
export function norm(plan: NormPlan): KernelSource {
  const gamma = { none: '', plain: ' * weight[e]', offset: ' * (weight[e] + 1.0)' }[plan.weight];
  const beta = plan.bias ? ' + bias[e]' : '';
  const write = plan.accumulate ? '+=' : '=';
  const from = plan.xWidth === undefined ? 'first' : 'first_of_x';
  const rms = wgsl`
    var squares = 0.0;
    for (var e = lane; e < WIDTH; e += THREADS) {
      let value = x[${from} + e];
      squares += value * value;
    }
    let factor = inverseSqrt(max(sum_of_lanes(lane, squares) / f32(WIDTH) + EPS, TINY));
    for (var e = lane; e < WIDTH; e += THREADS) {
      y[first + e] ${write} x[${from} + e] * factor${gamma}${beta};
    }`;
  // Two passes: the difference of two large sums would lose the variance of rows that are far from zero. Distances from the
  // first entry keep the rounding of the mean in proportion to the row's spread, not to its distance from zero.
  const layer = wgsl`
    let pivot = x[${from}];
    var total = 0.0;
    for (var e = lane; e < WIDTH; e += THREADS) {
      total += x[${from} + e] - pivot;
    }
    let mean = sum_of_lanes(lane, total) / f32(WIDTH);
    var squares = 0.0;
    for (var e = lane; e < WIDTH; e += THREADS) {
      let value = x[${from} + e] - pivot - mean;
      squares += value * value;
    }
    let factor = inverseSqrt(max(sum_of_lanes(lane, squares) / f32(WIDTH) + EPS, TINY));
    for (var e = lane; e < WIDTH; e += THREADS) {
      y[first + e] ${write} (x[${from} + e] - pivot - mean) * factor${gamma}${beta};
    }`;
  const rest = wgsl`
    for (var e = WIDTH + lane; e < X_WIDTH; e += THREADS) {
      y[first + e] = x[first + e];
    }`;
  return {
    doc: `y ${write} ${formulas[plan.kind]}, row by row`,
    enables: [],
    constants: {
      WIDTH: u32c(plan.width),
      ...(plan.xWidth !== undefined && { X_WIDTH: u32c(plan.xWidth) }),
      ...(plan.heads !== undefined && { HEADS: u32c(plan.heads) }),
      THREADS: u32c(plan.threads),
      EPS: f32c(plan.eps),
      TINY: f32c(1e-30),
    },
    bindings: [
      { name: 'x', access: 'read', type: 'array<f32>' },
      ...(plan.weight === 'none' ? [] : [{ name: 'weight', access: 'read', type: 'array<f32>' } as const]),
      ...(plan.bias ? [{ name: 'bias', access: 'read', type: 'array<f32>' } as const] : []),
      { name: 'y', access: 'read_write', type: 'array<f32>' },
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [foldOfLanes('sum_of_lanes', plan, 'sum')],
    body: wgsl`
      let row = ${plan.heads === undefined ? 'group.x' : 'group.x * HEADS + group.y'};
      let first = row * ${plan.rest ? 'X_WIDTH' : 'WIDTH'};
      ${plan.xWidth === undefined ? '' : 'let first_of_x = row * X_WIDTH;'}
      ${plan.kind === 'rms' ? rms : layer}
      ${plan.rest ? rest : ''}`,
  };
}
