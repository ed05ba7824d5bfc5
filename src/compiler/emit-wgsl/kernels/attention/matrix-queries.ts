import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { u32c } from '../../kernel.ts';
import { edge } from '../../subgroup-matrix.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { headBlocks, rowBlocks } from './matrix-blocks.ts';

export const queryConstants = (plan: AttentionMatrixPlan) => ({
  QUERY_ROWS: u32c(plan.rowBlocks * 2, 'a lane reads one of eight rows, so many times'),
  QUERY_QUADS: u32c(plan.rowBlocks * 2 * Math.ceil(plan.headDim / edge), 'what a lane reads of the queries'),
  ...(plan.rounding !== 'ignored' && restBits),
});

/** A lane's share of its subgroup's queries, all of it read at once, and what is left of each after the bits that an f16 has. */
export function queryEntries(plan: AttentionMatrixPlan): readonly string[] {
  if (plan.rounding !== 'split') return [entriesOf(plan, 'query_entries', 'vec4h(value)')];
  return [entriesOf(plan, 'query_entries', halfOf('value')), entriesOf(plan, 'query_rests', restOf('value'))];
}

/** Of a name. By bits: compilers take a conversion to f16 and back for nothing. */
const high = (value: string) => `bitcast<vec4f>(bitcast<vec4u>(${value}) & vec4u(~REST_BITS))`;

export const restBits = { REST_BITS: u32c(0x1fff, 'of an f32, that an f16 has no place for') };
/** What f16 has of four entries of f32, and what that leaves of them, which f16 has, too. */
export const halfOf = (value: string): string => `vec4h(${high(value)})`;
export const restOf = (value: string): string => `vec4h(${value} - ${high(value)})`;

/** Blocks are whole: entries beyond the width are zero. */
function entriesOf({ headDim, rounding }: AttentionMatrixPlan, name: string, entry: string): string {
  const beyond = wgsl`
    if (quad >= HEAD_QUADS) {
      value = vec4f(0);
    }`;
  const isWhole = headDim % edge === 0;
  const leaveRounded = wgsl`
    if (any((bits & vec4u(REST_BITS)) != vec4u(0))) {
      atomicStore(&found[0], 1u);
    }`;
  return wgsl`
    /** Four lanes side by side read 16 entries of a row, eight rows at a time. */
    fn ${name}(lane: u32, first_row: u32, batch: u32, kv_head: u32) -> array<vec4h, QUERY_QUADS> {
      var entries: array<vec4h, QUERY_QUADS>;
      ${rounding === 'left' ? 'var bits = vec4u(0);' : ''}
      for (var n = 0u; n < QUERY_QUADS; n++) {
        let row = row_of(first_row + n % QUERY_ROWS * 8u + lane % 32u / 4u, batch, kv_head);
        let quad = n / QUERY_ROWS * 4u + lane % 4u;
        ${isWhole ? 'let' : 'var'} value = load_q(row.index, quad);
        ${isWhole ? '' : beyond}
        entries[n] = ${entry};
        ${rounding === 'left' ? 'bits |= bitcast<vec4u>(value);' : ''}
      }
      ${rounding === 'left' ? leaveRounded : ''}
      return entries;
    }`;
}

/** Queries become matrices by way of the weights' memory, which is not yet used: 16 entries of all rows at a time. */
export function loadQueries(plan: AttentionMatrixPlan): string {
  const place = 'lane, first_row + subgroup_row, batch, kv_head';
  const rests = wgsl`
    let rests = query_rests(${place});
    ${matricesOf(plan, 'rest', 'rests')}`;
  return wgsl`
    let entries = query_entries(${place});
    ${plan.rounding === 'left' ? leaveToNext : ''}
    ${matricesOf(plan, 'query', 'entries')}
    ${plan.rounding === 'split' ? rests : ''}`;
}

const leaveToNext = wgsl`
  // What f16 does not hold is for the next kernel, which multiplies both parts of it.
  if (workgroupUniformLoad(&found[0]) != 0u) {
    if (lane == 0u) {
      marks[mark_at(group.z, first_row, kv_head)] = 1u;
    }
    return;
  }`;

const matricesOf = (plan: AttentionMatrixPlan, matrix: string, source: string): string =>
  headBlocks(plan, (d) => {
    const entries = plan.rowBlocks * 2;
    return wgsl`
      workgroupBarrier();
      ${repeat(entries, (n) => `weights[weights_at + ${n * 32}u + lane % 32u] = ${source}[${d * entries + n}];`)}
      workgroupBarrier();
      ${rowBlocks(plan, (b) => `let ${matrix}${b}_${d} = subgroupMatrixLoad<Left, row_major>(&weights, weights_at + ${b * edge * 4}u, 4u);`)}`;
  });
