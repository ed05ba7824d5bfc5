import { quads } from '../../../plan/extents.ts';
import type { JoinedProduct, LinearRowPlan } from '../../../plan/linear/kernel-plan.ts';
import type { MatrixStorage } from '../../../plan/plan-base.ts';
import { type Constant, f32c, floats, type KernelSource, u32c } from '../../kernel.ts';
import { rowsBinding } from '../../storage.ts';
import { weightParts } from '../../weights.ts';
import { wgsl } from '../../wgsl.ts';
import { formula, linearParts, type MatrixAccess } from './linear.ts';
import { headsParts, isTurned, resultOf } from './row-heads.ts';
import { makeOutputs, xFunctions } from './row-sums.ts';

/** Neighbouring lanes read neighbouring blocks of one weight row, so each row is streamed once from memory. */
export function linearRow(plan: LinearRowPlan): KernelSource {
  const { inWidth, blockQuads, norm } = plan;
  const result = plan.heads && resultOf(plan, 0, '');
  const shared = linearParts(plan, (name) => matrixAccess(name, plan.weight, blockQuads), undefined, result);
  const heads = headsParts(plan.heads);
  const others = plan.also.map((product, index) => joinedParts(plan, product, index + 1));
  const suffixes = others.map(({ suffix }) => suffix);
  const bySubgroups = plan.fold === 'subgroups';
  return {
    ...shared,
    doc: [
      [shared.doc, ...others.map(({ doc }) => doc)].join(';\n'),
      ...heads.doc,
      ...(norm ? ['where x stands for x / sqrt(mean(x²) + eps) · γ'] : []),
      `For one row of x a workgroup makes ${plan.outputs} ${plan.outputs === 1 ? 'output' : 'outputs'}, each summed by ${plan.lanes} lanes.`,
    ].join('\n'),
    enables: [...new Set([...shared.enables, ...heads.enables]), ...(bySubgroups ? (['subgroups'] as const) : [])],
    constants: {
      ...shared.constants,
      BLOCKS: u32c(quads(inWidth) / blockQuads, `of ${4 * blockQuads} entries, in a row of weights`),
      OUT_WIDTH: u32c(plan.outWidth),
      ...joinedWidths(plan),
      ...heads.constants,
      LANES: u32c(plan.lanes, 'that sum an output'),
      OUTPUTS: u32c(plan.outputs, 'of a workgroup'),
      ...(plan.sharesX && { QUADS: u32c(quads(inWidth)), THREADS: u32c(plan.threads) }),
      ...(norm && { IN_WIDTH: f32c(inWidth), EPS: f32c(norm.eps), TINY: f32c(1e-30) }),
    },
    bindings: [
      ...shared.bindings,
      ...others.flatMap(({ bindings }) => bindings),
      ...(norm && norm.weight !== 'none' ? [rowsBinding('norm_weight', inWidth)] : []),
      ...heads.bindings,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...heads.functions,
      ...shared.functions,
      ...others.flatMap(({ functions }) => functions),
      ...xFunctions(plan),
      ...(others.length > 0 ? [outputsFunction(plan, '', isTurned(plan, 0)), ...others.map(({ makes }) => makes)] : []),
    ],
    body: wgsl`
      let row = group.y;
      ${plan.sharesX ? `${norm ? 'let factor = ' : ''}share_x(row_of_x(row), lane);` : ''}
      ${suffixes.length > 0 ? chooseProduct(plan, suffixes) : makeOutputs(plan, '', 'group.x', false)}`,
  };
}

function matrixAccess(name: string, storage: MatrixStorage, blockQuads: LinearRowPlan['blockQuads']): MatrixAccess {
  const { binding, dot } = weightParts(name, storage, blockQuads);
  return { binding, functions: dot };
}

/** A product that is joined to the first: its names end in its number. */
function joinedParts(plan: LinearRowPlan, { weight, bias, outWidth }: JoinedProduct, index: number) {
  const suffix = `_${index + 1}`;
  const own = { ...plan, outWidth, bias };
  const { binding, functions } = matrixAccess(`weight${suffix}`, weight, plan.blockQuads);
  const result = resultOf(own, index, suffix);
  return {
    suffix,
    doc: formula(own, suffix),
    bindings: [binding, ...(bias ? [floats(`bias${suffix}`)] : []), result.binding],
    functions: [...functions, ...result.functions],
    makes: outputsFunction(own, suffix, isTurned(plan, index)),
  };
}

/** Widths of joined products, and the first workgroup of each. */
function joinedWidths({ outWidth, outputs, also }: LinearRowPlan): Readonly<Record<string, Constant>> {
  const constants: Record<string, Constant> = {};
  let workgroups = Math.ceil(outWidth / outputs);
  for (const [index, product] of also.entries()) {
    constants[`OUT_WIDTH_${index + 2}`] = u32c(product.outWidth);
    constants[`FIRST_${index + 2}`] = u32c(workgroups, `workgroup of y_${index + 2}`);
    workgroups += Math.ceil(product.outWidth / outputs);
  }
  return constants;
}

/** The norm's, which is known before the sums. */
const hasFactor = ({ sharesX, norm }: LinearRowPlan): boolean => sharesX && norm !== undefined;

/** Workgroups of each product follow those of the one before it. */
function chooseProduct(plan: LinearRowPlan, suffixes: readonly string[]): string {
  const factor = hasFactor(plan) ? ', factor' : '';
  const branches = ['', ...suffixes].map((suffix, index) => {
    const next = suffixes[index];
    const condition = next === undefined ? '' : `if (group.x < FIRST${next}) `;
    const place = suffix === '' ? 'group.x' : `group.x - FIRST${suffix}`;
    return wgsl`
      ${condition}{
        make_outputs${suffix}(${place}, row, lane${factor});
      }`;
  });
  return branches.join(' else ');
}

const outputsFunction = (plan: LinearRowPlan, suffix: string, inPairs: boolean): string => wgsl`
  fn make_outputs${suffix}(place: u32, row: u32, lane: u32${hasFactor(plan) ? ', factor: f32' : ''}) {
    ${makeOutputs(plan, suffix, 'place', inPairs)}
  }`;
