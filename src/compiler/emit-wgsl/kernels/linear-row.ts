import type { JoinedProduct, LinearRowPlan } from '../../plan/kernel-plan.ts';
import type { MatrixStorage } from '../../plan/plan-base.ts';
import { type Constant, f32c, floats, type KernelSource, u32c } from '../kernel.ts';
import { quads, rowLoader, rowsBinding } from '../storage.ts';
import { weightParts } from '../weights.ts';
import { repeat, wgsl } from '../wgsl.ts';
import { finish, formula, linearParts, type MatrixAccess } from './linear.ts';

/** Neighbouring lanes read neighbouring blocks of one weight row, so each row is streamed once from memory. */
export function linearRow(plan: LinearRowPlan): KernelSource {
  const { inWidth, blockQuads, norm } = plan;
  const {
    gated: _gated,
    split: _split,
    ...shared
  } = linearParts(plan, (name) => matrixAccess(name, plan.weight, blockQuads));
  const others = plan.also.map((product, index) => joinedParts(plan, product, index + 2));
  const suffixes = others.map(({ suffix }) => suffix);
  const bySubgroups = plan.fold === 'subgroups';
  return {
    ...shared,
    doc: [
      [shared.doc, ...others.map(({ doc }) => doc)].join(';\n'),
      ...(norm ? ['where x stands for x / sqrt(mean(x²) + eps) · γ'] : []),
      `For one row of x a workgroup makes ${plan.outputs} outputs, each summed by ${plan.lanes} lanes.`,
    ].join('\n'),
    enables: [...shared.enables, ...(bySubgroups ? (['subgroups'] as const) : [])],
    constants: {
      ...shared.constants,
      BLOCKS: u32c(quads(inWidth) / blockQuads),
      OUT_WIDTH: u32c(plan.outWidth),
      ...joinedWidths(plan),
      LANES: u32c(plan.lanes),
      OUTPUTS: u32c(plan.outputs),
      ...(norm && { IN_WIDTH: f32c(inWidth), EPS: f32c(norm.eps), TINY: f32c(1e-30) }),
    },
    bindings: [
      ...shared.bindings,
      ...others.flatMap(({ bindings }) => bindings),
      ...(norm && norm.weight !== 'none' ? [rowsBinding('norm_weight', inWidth)] : []),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...shared.functions,
      ...others.flatMap(({ functions }) => functions),
      ...(norm ? normedX(norm.weight, inWidth) : []),
      ...(suffixes.length > 0 ? ['', ...suffixes].map((suffix) => outputsFunction(plan, suffix)) : []),
    ],
    body: suffixes.length > 0 ? chooseProduct(suffixes) : `let row = group.y;\n${makeOutputs(plan, '', 'group.x')}`,
  };
}

function matrixAccess(name: string, storage: MatrixStorage, blockQuads: LinearRowPlan['blockQuads']): MatrixAccess {
  const { binding, dot } = weightParts(name, storage, blockQuads);
  return { binding, functions: dot };
}

/** A product that is joined to the first: its names end in its number. */
function joinedParts(plan: LinearRowPlan, { weight, bias, outWidth }: JoinedProduct, number: number) {
  const suffix = `_${number}`;
  const { binding, functions } = matrixAccess(`weight${suffix}`, weight, plan.blockQuads);
  return {
    suffix,
    doc: formula({ ...plan, outWidth, bias }, suffix),
    bindings: [binding, ...(bias ? [floats(`bias${suffix}`)] : []), floats(`y${suffix}`, 'read_write')],
    functions: [...functions, finish({ ...plan, bias }, suffix)],
  };
}

/** Widths of joined products, and the first workgroup of each. */
function joinedWidths({ outWidth, outputs, also }: LinearRowPlan): Readonly<Record<string, Constant>> {
  const constants: Record<string, Constant> = {};
  let workgroups = Math.ceil(outWidth / outputs);
  for (const [index, product] of also.entries()) {
    constants[`OUT_WIDTH_${index + 2}`] = u32c(product.outWidth);
    constants[`FIRST_${index + 2}`] = u32c(workgroups);
    workgroups += Math.ceil(product.outWidth / outputs);
  }
  return constants;
}

/** Workgroups of each product follow those of the one before it. */
function chooseProduct(suffixes: readonly string[]): string {
  const branches = ['', ...suffixes].map((suffix, index) => {
    const next = suffixes[index];
    const condition = next === undefined ? '' : `if (group.x < FIRST${next}) `;
    const part = suffix === '' ? 'group.x' : `group.x - FIRST${suffix}`;
    return wgsl`
      ${condition}{
        make_outputs${suffix}(${part}, group.y, lane);
      }`;
  });
  return branches.join(' else ');
}

const outputsFunction = (plan: LinearRowPlan, suffix: string): string => wgsl`
  fn make_outputs${suffix}(part: u32, row: u32, lane: u32) {
    ${makeOutputs(plan, suffix, 'part')}
  }`;

/** @param part expression for the place of the workgroup among those of the product */
function makeOutputs(plan: LinearRowPlan, suffix: string, part: string): string {
  const { lanes, norm } = plan;
  const gated = plan.gate !== 'none';
  const sums = ['sum', ...(gated ? ['gate_sum'] : []), ...(norm ? ['squares'] : [])];
  const each = (text: (name: string) => string) => sums.map(text).join('\n');
  const width = `OUT_WIDTH${suffix}`;
  const bySubgroups = plan.fold === 'subgroups';
  const isFolded = bySubgroups && lanes === 32;
  const factor = norm ? ' * factor' : '';
  return wgsl`
    let column = ${part} * OUTPUTS + lane / LANES;
    let x_row = row_of_x(row${plan.inputHeads > 1 ? `, min(column, ${width} - 1u)` : ''});
    let first = min(column, ${width} - 1u) * BLOCKS;
    ${each((name) => `var ${name} = 0.0;`)}
    ${sumBlocks(plan, suffix)}
    ${bySubgroups ? each((name) => `${name} = subgroupAdd(${name});`) : ''}
    ${isFolded ? '' : sharePartials(sums, bySubgroups)}
    if (lane % LANES != 0u || column >= ${width}) {
      return;
    }
    ${isFolded ? '' : addPartials(sums, bySubgroups)}
    ${norm ? 'let factor = inverseSqrt(max(squares / IN_WIDTH + EPS, TINY));' : ''}
    finish${suffix}(row, column, sum${factor}${gated ? `, gate_sum${factor}` : ''});`;
}

/** A lane's share of a row of weights, several loads at a time. */
function sumBlocks({ blockQuads, reads, norm, gate }: LinearRowPlan, suffix: string): string {
  const entries = [...Array(blockQuads).keys()].map((index) => `x${index}`).join(', ');
  const load = (quad: string) => (norm ? `normed_x(x_row, ${quad}, &squares)` : `load_x(x_row, ${quad})`);
  const quad = (index: number) => (blockQuads === 1 ? 'block' : index === 0 ? '2u * block' : '2u * block + 1u');
  const read = wgsl`
    ${repeat(blockQuads, (index) => `let x${index} = ${load(quad(index))};`)}
    sum += weight${suffix}_dot(first + block, ${entries});
    ${gate === 'none' ? '' : `gate_sum += gate_dot(first + block, ${entries});`}`;
  if (reads === 1) {
    return wgsl`
      for (var block = lane % LANES; block < BLOCKS; block += LANES) {
        ${read}
      }`;
  }
  const readNext = (turn: number) => wgsl`
    {
      let block = first_block + ${turn}u * LANES;
      ${read}
    }`;
  return wgsl`
    for (var first_block = lane % LANES; first_block < BLOCKS; first_block += ${reads}u * LANES) {
      ${repeat(reads, readNext)}
    }`;
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
