import type { LinearRowPlan } from '../../plan/kernel-plan.ts';
import { f32c, type KernelSource, u32c } from '../kernel.ts';
import { quads, rowLoader, rowsBinding } from '../storage.ts';
import { weightParts } from '../weights.ts';
import { repeat, wgsl } from '../wgsl.ts';
import { linearParts } from './linear.ts';

/** Neighbouring lanes read neighbouring blocks of one weight row, so each row is streamed once from memory. */
export function linearRow(plan: LinearRowPlan): KernelSource {
  const { inWidth, lanes, blockQuads, reads, norm } = plan;
  const { gated, split, ...shared } = linearParts(plan, (name) => {
    const { binding, dot } = weightParts(name, plan.weight, blockQuads);
    return { binding, functions: dot };
  });
  const sums = ['sum', ...(gated ? ['gate_sum'] : []), ...(norm ? ['squares'] : [])];
  const each = (text: (name: string) => string) => sums.map(text).join('\n');
  const entries = [...Array(blockQuads).keys()].map((index) => `x${index}`).join(', ');
  const load = (quad: string) => (norm ? `normed_x(x_row, ${quad}, &squares)` : `load_x(x_row, ${quad})`);
  const quad = (index: number) => (blockQuads === 1 ? 'block' : index === 0 ? '2u * block' : '2u * block + 1u');
  const read = wgsl`
    ${repeat(blockQuads, (index) => `let x${index} = ${load(quad(index))};`)}
    sum += weight_dot(first + block, ${entries});
    ${gated ? `gate_sum += gate_dot(first + block, ${entries});` : ''}`;
  const readNext = (turn: number) => wgsl`
    {
      let block = first_block + ${turn}u * LANES;
      ${read}
    }`;
  const loop =
    reads === 1
      ? wgsl`
          for (var block = lane % LANES; block < BLOCKS; block += LANES) {
            ${read}
          }`
      : wgsl`
          for (var first_block = lane % LANES; first_block < BLOCKS; first_block += ${reads}u * LANES) {
            ${repeat(reads, readNext)}
          }`;
  const bySubgroups = plan.fold === 'subgroups';
  const isFolded = bySubgroups && lanes === 32;
  const factor = norm ? ' * factor' : '';
  return {
    ...shared,
    doc: `${shared.doc}${norm ? ',\nwhere x stands for x / sqrt(mean(x²) + eps) · γ' : ''}\nFor one row of x a workgroup makes ${plan.outputs} outputs, each summed by ${lanes} lanes.`,
    enables: [...shared.enables, ...(bySubgroups ? (['subgroups'] as const) : [])],
    constants: {
      ...shared.constants,
      BLOCKS: u32c(quads(inWidth) / blockQuads),
      OUT_WIDTH: u32c(plan.outWidth),
      LANES: u32c(lanes),
      OUTPUTS: u32c(plan.outputs),
      ...(norm && { IN_WIDTH: f32c(inWidth), EPS: f32c(norm.eps), TINY: f32c(1e-30) }),
    },
    bindings: [...shared.bindings, ...(norm && norm.weight !== 'none' ? [rowsBinding('norm_weight', inWidth)] : [])],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [...shared.functions, ...(norm ? normedX(norm.weight, inWidth) : [])],
    body: wgsl`
      let row = group.y;
      let column = group.x * OUTPUTS + lane / LANES;
      let x_row = row_of_x(row${split ? ', min(column, OUT_WIDTH - 1u)' : ''});
      let first = min(column, OUT_WIDTH - 1u) * BLOCKS;
      ${each((name) => `var ${name} = 0.0;`)}
      ${loop}
      ${bySubgroups ? each((name) => `${name} = subgroupAdd(${name});`) : ''}
      ${isFolded ? '' : sharePartials(sums, bySubgroups)}
      if (lane % LANES != 0u || column >= OUT_WIDTH) {
        return;
      }
      ${isFolded ? '' : addPartials(sums, bySubgroups)}
      ${norm ? 'let factor = inverseSqrt(max(squares / IN_WIDTH + EPS, TINY));' : ''}
      finish(row, column, sum${factor}${gated ? `, gate_sum${factor}` : ''});`,
  };
}

/** Entries of a row before its norm's factor, which is known when all of them have been read, and then scales the sums. */
function normedX(weight: NonNullable<LinearRowPlan['norm']>['weight'], width: number): readonly string[] {
  const gamma = { none: '', plain: ' * load_norm_weight(0u, quad)', offset: ' * (load_norm_weight(0u, quad) + 1.0)' }[
    weight
  ];
  return [
    ...(weight === 'none' ? [] : [rowLoader('norm_weight', width)]),
    wgsl`
      fn normed_x(row: u32, quad: u32, squares: ptr<function, f32>) -> vec4f {
        let entries = load_x(row, quad);
        *squares += dot(entries, entries);
        return entries${gamma};
      }`,
  ];
}

const arrayOf = (sum: string) => `${sum}_partials`;

/** Each lane's sums, or each subgroup's, to where the lane that finishes an output finds them. */
function sharePartials(sums: readonly string[], bySubgroups: boolean): string {
  if (!bySubgroups) return [...sums.map((sum) => `${arrayOf(sum)}[lane] = ${sum};`), 'workgroupBarrier();'].join('\n');
  return wgsl`
    if (lane % 32u == 0u) {
      ${sums.map((sum) => `${arrayOf(sum)}[lane / 32u] = ${sum};`).join('\n')}
    }
    workgroupBarrier();`;
}

function addPartials(sums: readonly string[], bySubgroups: boolean): string {
  const [count, own] = bySubgroups ? ['LANES / 32u', 'lane / 32u'] : ['LANES', 'lane'];
  return wgsl`
    for (var other = 1u; other < ${count}; other++) {
      ${sums.map((sum) => `${sum} += ${arrayOf(sum)}[${own} + other];`).join('\n')}
    }`;
}
