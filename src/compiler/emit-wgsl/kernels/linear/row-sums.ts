import { quads } from '../../../plan/extents.ts';
import type { LinearRowPlan } from '../../../plan/linear/kernel-plan.ts';
import { rowLoader } from '../../storage.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { addendsOf } from './linear.ts';

/**
 * The body that makes the outputs of a product, whose names end in `suffix`. Uses `row` and `lane`, and `factor` where x was normalised before.
 * @param place expression for the place of the workgroup among those of the product
 * @param isTurned outputs are made of those of two neighbours
 */
export function makeOutputs(plan: LinearRowPlan, suffix: string, place: string, isTurned: boolean): string {
  const { lanes, norm, sharesX, columns } = plan;
  const sums = [...outputSums(plan), ...(norm && !sharesX ? ['squares'] : [])];
  const each = (text: (name: string) => string) => sums.map(text).join('\n');
  const width = `OUT_WIDTH${suffix}`;
  const bySubgroups = plan.fold === 'subgroups';
  const isFolded = bySubgroups && lanes === 32;
  const readAddends = (owner: string) =>
    addendsOf(plan, suffix)
      .map(({ name, at }) => `let ${owner}_${name} = ${at(owner)};`)
      .join('\n');
  const neighbour = wgsl`
    let next = min(column + 1u, ${width} - 1u);
    let next_first = next * BLOCKS;
    ${readAddends('next')}`;
  const lastSums = wgsl`
    ${isFolded ? '' : addPartials(sums, bySubgroups)}
    ${norm && !sharesX ? 'let factor = inverseSqrt(max(squares / IN_WIDTH + EPS, TINY));' : ''}`;
  const slot = `${place} * OUTPUTS + lane / LANES${columns === 1 ? '' : ` * ${columns}u`}`;
  return wgsl`
    ${isTurned ? turnedSlot(slot) : `let column = ${slot};`}
    let own = min(column, ${width} - 1u);
    let first = own * BLOCKS;
    ${readAddends('own')}
    ${columns === 1 ? '' : neighbour}
    ${sharesX ? '' : `let x_row = row_of_x(row${plan.inputHeads > 1 ? ', own' : ''});`}
    ${each((name) => `var ${name} = 0.0;`)}
    ${sumBlocks(plan, suffix)}

    // The lanes' sums become one.
    ${bySubgroups ? each((name) => `${name} = subgroupAdd(${name});`) : ''}
    ${isFolded ? '' : sharePartials(sums, bySubgroups)}
    ${isTurned ? turnOutputs(plan, suffix, lastSums) : finishOwn(plan, suffix, lastSums)}`;
}

const notOwner = (suffix: string) => wgsl`
  if (lane % LANES != 0u || column >= OUT_WIDTH${suffix}) {
    return;
  }`;

/** @param lastSums statements before the sums are whole, and the factor of the norm is known */
const finishOwn = (plan: LinearRowPlan, suffix: string, lastSums: string) => wgsl`
  ${notOwner(suffix)}
  ${lastSums}
  ${finishOutputs(plan, suffix)}`;

/** The turn is read before the sums, as addends are. */
const turnedSlot = (slot: string) => wgsl`
  let slot = ${slot};
  let turn = turn_of(row, slot);
  let column = column_of(slot);`;

function turnOutputs(plan: LinearRowPlan, suffix: string, lastSums: string): string {
  const sum = plan.norm ? 'sum * factor' : 'sum';
  return wgsl`
    if (lane % LANES == 0u) {
      ${lastSums}
      made[lane / LANES] = value_of${suffix}(${[...addendsOf(plan).map(({ name }) => `own_${name}`), sum].join(', ')});
    }
    workgroupBarrier();
    ${notOwner(suffix)}
    finish${suffix}(row, column, made[lane / LANES] * turn.x + made[(lane / LANES) ^ 1u] * turn.y);`;
}

/** What a lane sums: an output, its gate, the neighbouring output. */
const outputSums = ({ gate, columns }: LinearRowPlan): readonly string[] => [
  'sum',
  ...(gate === 'none' ? [] : ['gate_sum']),
  ...(columns === 1 ? [] : ['next_sum']),
];

function finishOutputs(plan: LinearRowPlan, suffix: string): string {
  const factor = plan.norm ? ' * factor' : '';
  const gateSums = plan.gate === 'none' ? [] : ['gate_sum'];
  const finishColumn = (column: string, owner: string, sums: readonly string[]) => {
    const addends = addendsOf(plan).map(({ name }) => `${owner}_${name}`);
    return `finish${suffix}(${['row', column, ...addends, ...sums.map((sum) => `${sum}${factor}`)].join(', ')});`;
  };
  const own = finishColumn('column', 'own', ['sum', ...gateSums]);
  if (plan.columns === 1) return own;
  return wgsl`
    ${own}
    if (column + 1u < OUT_WIDTH${suffix}) {
      ${finishColumn('column + 1u', 'next', ['next_sum'])}
    }`;
}

/** A lane's share of a row of weights, several loads at a time. */
function sumBlocks(plan: LinearRowPlan, suffix: string): string {
  const { inWidth, blockQuads, reads, lanes } = plan;
  const blocks = quads(inWidth) / blockQuads;
  // A loop would keep the loads of its only turn from being moved.
  if (blocks === reads * lanes) return readBlocks(plan, suffix, 'lane % LANES');
  if (reads === 1) {
    return wgsl`
      for (var block = lane % LANES; block < BLOCKS; block += LANES) {
        ${readBlock(plan, suffix)}
      }`;
  }
  return wgsl`
    for (var first_block = lane % LANES; first_block < BLOCKS; first_block += ${reads}u * LANES) {
      ${readBlocks(plan, suffix, 'first_block')}
    }`;
}

const readBlocks = (plan: LinearRowPlan, suffix: string, start: string): string =>
  repeat(
    plan.reads,
    (turn) => wgsl`
      {
        let block = ${start}${turn === 0 ? '' : ` + ${turn}u * LANES`};
        ${readBlock(plan, suffix)}
      }`,
  );

function readBlock(plan: LinearRowPlan, suffix: string): string {
  const { blockQuads, gate, columns } = plan;
  const entries = [...Array(blockQuads).keys()].map((index) => `x${index}`).join(', ');
  return wgsl`
    ${repeat(blockQuads, (index) => `let x${index} = ${quadOfX(plan, index)};`)}
    sum += weight${suffix}_dot(first + block, ${entries});
    ${gate === 'none' ? '' : `gate_sum += gate_dot(first + block, ${entries});`}
    ${columns === 1 ? '' : `next_sum += weight${suffix}_dot(next_first + block, ${entries});`}`;
}

const plus = (index: number) => (index === 0 ? '' : ` + ${index}u`);

/** Quad `index` of a block. */
function quadOfX({ sharesX, blockQuads, norm }: LinearRowPlan, index: number): string {
  if (sharesX) return `x_shared[${blockQuads + 1}u * block${plus(index)}]`;
  const quad = blockQuads === 1 ? 'block' : `${blockQuads}u * block${plus(index)}`;
  return norm ? `normed_x(x_row, ${quad}, &squares)` : `load_x(x_row, ${quad})`;
}

/** How x is normalised, and brought to workgroup memory. */
export function xFunctions(plan: LinearRowPlan): readonly string[] {
  const { norm, inWidth } = plan;
  return [...(norm ? normedX(norm.weight, inWidth) : []), ...(plan.sharesX ? [shareX(plan)] : [])];
}

function shareX({ blockQuads, threads, norm }: LinearRowPlan): string {
  const at = `quad / ${blockQuads}u * ${blockQuads + 1}u + quad % ${blockQuads}u`;
  const subgroups = threads / 32;
  if (norm === undefined) {
    return wgsl`
      /** x to workgroup memory. */
      fn share_x(x_row: u32, lane: u32) {
        for (var quad = lane; quad < QUADS; quad += THREADS) {
          x_shared[${at}] = load_x(x_row, quad);
        }
        workgroupBarrier();
      }`;
  }
  return wgsl`
    /** x to workgroup memory; gives the factor of its norm. */
    fn share_x(x_row: u32, lane: u32) -> f32 {
      var squares = 0.0;
      for (var quad = lane; quad < QUADS; quad += THREADS) {
        x_shared[${at}] = normed_x(x_row, quad, &squares);
      }
      squares = subgroupAdd(squares);
      if (lane % 32u == 0u) {
        squares_partials[lane / 32u] = squares;
      }
      workgroupBarrier();
      squares = squares_partials[0];
      for (var other = 1u; other < ${subgroups}u; other++) {
        squares += squares_partials[other];
      }
      return inverseSqrt(max(squares / IN_WIDTH + EPS, TINY));
    }`;
}

function normedX(weight: NonNullable<LinearRowPlan['norm']>['weight'], width: number): readonly string[] {
  const gamma = { none: '', plain: ' * load_norm_weight(0u, quad)', offset: ' * (load_norm_weight(0u, quad) + 1.0)' }[
    weight
  ];
  return [
    ...(weight === 'none' ? [] : [rowLoader('norm_weight', width)]),
    wgsl`
      /** Times γ only: the factor of the norm is known when all entries have been read, and scales the sums. */
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
