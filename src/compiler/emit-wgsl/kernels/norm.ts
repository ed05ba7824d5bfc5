import type { NormPlan } from '../../plan/kernel-plan.ts';
import { foldOfLanes } from '../fold.ts';
import { buffer, f32c, type KernelSource, u32c } from '../kernel.ts';
import { enablesFor } from '../storage.ts';
import { wgsl } from '../wgsl.ts';

const formulas: Readonly<Record<NormPlan['kind'], string>> = {
  rms: 'x / sqrt(mean(x²) + eps) · γ',
  layer: '(x − mean(x)) / sqrt(var(x) + eps) · γ',
};

/** Entries that an invocation takes at a time. */
interface Unit {
  readonly entries: 1 | 4;
  readonly type: 'f32' | 'vec4f';
  readonly half: 'f16' | 'vec4h';
  /** Of its entries. */
  readonly sum: (unit: string) => string;
  readonly squares: (unit: string) => string;
}

const one: Unit = { entries: 1, type: 'f32', half: 'f16', sum: (unit) => unit, squares: (unit) => `${unit} * ${unit}` };

const four: Unit = {
  entries: 4,
  type: 'vec4f',
  half: 'vec4h',
  sum: (unit) => `dot(${unit}, vec4f(1))`,
  squares: (unit) => `dot(${unit}, ${unit})`,
};

/** One workgroup per row. Each invocation sums its share of the entries, then the shares are folded. */
export function norm(plan: NormPlan): KernelSource {
  const unit = [plan.width, plan.xWidth ?? 0].every((width) => width % 4 === 0) ? four : one;
  const stored = (value: string) => (plan.y === 'f16' ? `${unit.half}(${value})` : value);
  const gamma = { none: '', plain: ' * weight[e]', offset: ' * (weight[e] + 1.0)' }[plan.weight];
  const beta = plan.bias ? ' + bias[e]' : '';
  const write = plan.accumulate ? '+=' : '=';
  const from = plan.xWidth === undefined ? 'first' : 'first_of_x';
  const rms = wgsl`
    var squares = 0.0;
    for (var e = lane; e < UNITS; e += THREADS) {
      let value = x[${from} + e];
      squares += ${unit.squares('value')};
    }
    let factor = inverseSqrt(max(sum_of_lanes(lane, squares) / WIDTH + EPS, TINY));
    for (var e = lane; e < UNITS; e += THREADS) {
      y[first + e] ${write} ${stored(`x[${from} + e] * factor${gamma}${beta}`)};
    }`;
  // Two passes: the difference of two large sums would lose the variance of rows that are far from zero. Distances from the
  // first entry keep the rounding of the mean in proportion to the row's spread, not to its distance from zero.
  const layer = wgsl`
    let pivot = x[${from}]${unit.entries === 4 ? '.x' : ''};
    var total = 0.0;
    for (var e = lane; e < UNITS; e += THREADS) {
      let value = x[${from} + e] - pivot;
      total += ${unit.sum('value')};
    }
    let mean = sum_of_lanes(lane, total) / WIDTH;
    var squares = 0.0;
    for (var e = lane; e < UNITS; e += THREADS) {
      let value = x[${from} + e] - pivot - mean;
      squares += ${unit.squares('value')};
    }
    let factor = inverseSqrt(max(sum_of_lanes(lane, squares) / WIDTH + EPS, TINY));
    for (var e = lane; e < UNITS; e += THREADS) {
      y[first + e] ${write} ${stored(`(x[${from} + e] - pivot - mean) * factor${gamma}${beta}`)};
    }`;
  const rest = wgsl`
    for (var e = UNITS + lane; e < X_UNITS; e += THREADS) {
      y[first + e] = ${stored('x[first + e]')};
    }`;
  return {
    doc: `y ${write} ${formulas[plan.kind]}, row by row`,
    enables: enablesFor(plan.y),
    constants: {
      WIDTH: f32c(plan.width),
      UNITS: u32c(plan.width / unit.entries),
      ...(plan.xWidth !== undefined && { X_UNITS: u32c(plan.xWidth / unit.entries) }),
      ...(plan.heads !== undefined && { HEADS: u32c(plan.heads) }),
      THREADS: u32c(plan.threads),
      EPS: f32c(plan.eps),
      TINY: f32c(1e-30),
    },
    bindings: [
      buffer('x', unit.type),
      ...(plan.weight === 'none' ? [] : [buffer('weight', unit.type)]),
      ...(plan.bias ? [buffer('bias', unit.type)] : []),
      buffer('y', plan.y === 'f16' ? unit.half : unit.type, 'read_write'),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [foldOfLanes('sum_of_lanes', plan, 'sum')],
    body: wgsl`
      let row = ${plan.heads === undefined ? 'group.x' : 'group.x * HEADS + group.y'};
      let first = row * ${plan.rest ? 'X_UNITS' : 'UNITS'};
      ${plan.xWidth === undefined ? '' : 'let first_of_x = row * X_UNITS;'}
      ${plan.kind === 'rms' ? rms : layer}
      ${plan.rest ? rest : ''}`,
  };
}
