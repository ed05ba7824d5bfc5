import type { BufferDecl, Extent } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv, plus, quads, times } from '../extents.ts';
import type { PlannedDispatch } from '../planned.ts';
import { scratch } from '../scratch.ts';
import { inputsOf } from './form.ts';
import type { AttentionCombinePlan, AttentionOptions, ColumnDeal } from './kernel-plan.ts';
import { activePlan } from './options.ts';
import { combineLanes } from './split-plans.ts';

/** The parts that key columns are dealt in, for kernels that leave a partial result of each, and what joins these. */
export interface ColumnParts {
  readonly count: Extent;
  /** Of the kernel that leaves partial results. */
  readonly partials: { readonly partial_outputs: string; readonly partial_sums: string };
  readonly join: PlannedDispatch;
  readonly scratch: readonly BufferDecl[];
}

/** `tokens`: most of a sequence in a call; `joins`: 0 in calls that have nothing to join. */
export function columnParts(
  node: AttentionNode,
  options: AttentionOptions,
  deal: ColumnDeal,
  {
    usesSubgroups,
    tokens,
    joins,
  }: { readonly usesSubgroups: boolean; readonly tokens: Extent; readonly joins: Extent },
): ColumnParts {
  const { heads, columns, valueDim } = node;
  const count = partCount(deal, node);
  const prefixColumns = columns.zero + columns.memory;
  const { active, sinks, hidden } = inputsOf(node);
  const size = [`${heads.qHeads}x${valueDim}`, prefixColumns, ...Object.values(deal)].join('_');
  const partials = { partial_outputs: `partial_outputs_${size}`, partial_sums: `partial_sums_${size}` };
  const combine: AttentionCombinePlan = {
    stage: 'attention_combine',
    qHeads: heads.qHeads,
    valueDim,
    out: options.out,
    prefixColumns,
    sinks: options.sinks,
    zeroHidden: options.mask.padding === 'keys_and_queries',
    ...activePlan(node),
    deal,
    ...combineLanes(quads(valueDim), deal, usesSubgroups),
  };
  const partial = (name: string, width: number) =>
    scratch(name, 'f32', [times('B', tokens), heads.qHeads, count, width]);
  const grid = [times(joins, heads.qHeads), times('B', tokens), quads(valueDim) / combine.quadsAtOnce] as const;
  return {
    count,
    partials,
    join: dispatch(node, combine, { ...sinks, ...hidden, ...active, ...partials, out: node.out }, grid),
    scratch: [partial(partials.partial_outputs, quads(valueDim) * 4), partial(partials.partial_sums, 2)],
  };
}

/** See `ColumnDeal`. */
export function partCount({ least, most, parts, reach }: ColumnDeal, { columns }: AttentionNode): Extent {
  const count = plus(reach === undefined ? 'J' : ['min', 'J', reach], columns.zero + columns.memory);
  if (least === most) return ceilDiv(count, most);
  const wished: Extent = ['min', ceilDiv(parts, 'B'), ceilDiv(count, least)];
  return most === undefined ? wished : ['max', wished, ceilDiv(count, most)];
}
