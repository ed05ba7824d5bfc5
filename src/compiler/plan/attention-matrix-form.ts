import type { BufferDecl, Extent } from '../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import {
  type Attempt,
  allHeads,
  type Form,
  fusedBindings,
  inputsOf,
  present,
  tooMany,
  whole,
} from './attention-form.ts';
import type { AttentionMatrixPlan, AttentionOptions, ColumnDeal } from './attention-kernel-plan.ts';
import { knownMaximum, planAttentionMatrix, planFewRows } from './attention-matrix-plans.ts';
import type { Rejection } from './attention-plans.ts';
import { shareCount, sharesOf } from './attention-shares.ts';
import { dispatch } from './dispatch.ts';
import { ceilDiv, quads, times } from './extents.ts';
import type { KernelPlan } from './kernel-plan.ts';
import { defaultLimits, type TargetProfile } from './profiles.ts';

/** The fast kernel, and the one that redoes the workgroups whose exponentials left the range of f16: mostly none. */
export function matrixForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const { heads } = node;
  const reason = whole(node) ?? allHeads(node) ?? tooMany(fusedBindings(node) + present(node.sinks), profile);
  if (reason !== undefined) return { reason };
  const choice = planAttentionMatrix(options, profile, node.compute);
  if ('reason' in choice) return choice;
  const { rejected } = choice;
  const hasRoom = fusedBindings(node) + present(node.sinks) + 2 <= defaultLimits.maxStorageBuffersPerShaderStage;
  const plan = { ...choice.plan, inParts: choice.plan.inParts && hasRoom };
  const rows = plan.subgroups * plan.rowBlocks * 16;
  const tiles = ceilDiv(times('I', heads.queriesPerKv), rows);
  const marks = `marks_${heads.kvHeads}`;
  const { scores, logits, sinks, values } = inputsOf(node);
  const bind = { ...scores, ...logits, ...sinks, ...values, out: node.out, marks };
  if (!plan.inParts) {
    const grid = [heads.kvHeads, tiles, 'B'] as const;
    return {
      dispatches: [dispatch(node, plan, bind, grid), dispatch(node, knownMaximum(plan), bind, grid)],
      scratch: [{ name: marks, role: 'activation', dtype: 'u32', shape: ['B', tiles, heads.kvHeads] }],
      rejected,
    };
  }
  const many = inParts(node, plan, bind, { marks, tiles, rows, rejected });
  const few = fewTokens(node, options, bind, profile);
  if (few === undefined) return many;
  const isMany: Extent = ['min', 1, ['less', times('I', heads.queriesPerKv), mostFewRows]];
  const guarded = many.dispatches.map((one) => ({
    ...one,
    grid: [times(isMany, one.grid[0]), one.grid[1], one.grid[2]] as const,
  }));
  return { ...many, dispatches: [...few.dispatches, ...guarded], scratch: [...few.scratch, ...(many.scratch ?? [])] };
}

/** Of a KV head: where calls have no more rows, as those that check a draft, keys are dealt to small workgroups. */
const mostFewRows = 64;

function fewTokens(
  node: AttentionNode,
  options: AttentionOptions,
  whole: Readonly<Record<string, string | undefined>>,
  profile: TargetProfile,
): Required<Pick<Form, 'dispatches' | 'scratch'>> | undefined {
  const { kvHeads, queriesPerKv } = node.heads;
  const plan = planFewRows(options, profile);
  const mostTokens = Math.floor(mostFewRows / queriesPerKv);
  if (plan === undefined || mostTokens < 2 || node.cross) return undefined;
  const rows = times('I', queriesPerKv);
  const tiles = ceilDiv(rows, plan.subgroups * plan.rowBlocks * 16);
  const deal: ColumnDeal = { least: 128, parts: Math.max(1, Math.floor(256 / kvHeads)) };
  const count = shareCount(deal, node);
  const isFew: Extent = ['min', 1, ['less', mostFewRows + 1, rows]];
  const { partials, join, scratch } = sharesOf(node, options, deal, {
    usesSubgroups: true,
    tokens: ['min', 'I', mostTokens],
    joins: times(isFew, ['min', 1, ['less', count, 1]]),
  });
  const marks = `marks_few_${kvHeads}`;
  const bind = { ...whole, ...partials, marks };
  const grid = [times(isFew, kvHeads), tiles, times('B', count)] as const;
  return {
    dispatches: [dispatch(node, plan, bind, grid), dispatch(node, knownMaximum(plan), bind, grid), join],
    scratch: [
      ...scratch,
      { name: marks, role: 'activation', dtype: 'u32', shape: ['B', count, ['min', tiles, 4], kvHeads] },
    ],
  };
}

/** Workgroups that keep a large device busy, and columns that are worth a workgroup of their own. */
const enoughWorkgroups = 128;
const leastColumns = 512;
const mostPartsOfMatrix = 16;

/** Parts are so many that there are enough workgroups, where columns suffice; most calls have one, and then nothing to join. */
function inParts(
  node: AttentionNode,
  plan: AttentionMatrixPlan,
  whole: Readonly<Record<string, string | undefined>>,
  { marks, tiles, rows, rejected }: { marks: string; tiles: Extent; rows: number; rejected: readonly Rejection[] },
): Form {
  const { heads, valueDim } = node;
  const { qHeads, kvHeads } = heads;
  const workgroups = times('B', tiles, kvHeads);
  const parts: Extent = ['min', mostPartsOfMatrix, ceilDiv('J', leastColumns), ceilDiv(enoughWorkgroups, workgroups)];
  const size = `${qHeads}x${valueDim}`;
  const partials = { partial_outputs: `parts_${size}`, partial_sums: `part_sums_${size}` };
  const bind = { ...whole, ...partials };
  const grid = [kvHeads, tiles, times('B', parts)] as const;
  const join: KernelPlan = {
    stage: 'attention_join',
    qHeads,
    valueDim,
    out: plan.out,
    sinks: node.sinks !== undefined,
    threads: 64,
    workgroup: [],
  };
  const isJoined: Extent = ['min', 1, ['less', parts, 1]];
  const perPart = ceilDiv(times('B', 'I', qHeads, quads(valueDim)), times(64, parts));
  // Two parts or more only with fewer than enough workgroups, however long the longest call may be.
  const mostRows: Extent = ['min', 2 * enoughWorkgroups * rows, times('B', 'I', qHeads, mostPartsOfMatrix)];
  const scratch = (name: string, dtype: BufferDecl['dtype'], shape: readonly Extent[]): BufferDecl => ({
    name,
    role: 'activation',
    dtype,
    shape,
  });
  return {
    dispatches: [
      dispatch(node, plan, bind, grid),
      dispatch(node, knownMaximum(plan), bind, grid),
      dispatch(node, join, { ...partials, sinks: node.sinks, out: node.out }, [times(isJoined, perPart), 1, parts]),
    ],
    scratch: [
      scratch(marks, 'u32', ['B', ['min', mostPartsOfMatrix, ceilDiv('J', leastColumns)], tiles, kvHeads]),
      scratch(partials.partial_outputs, 'f32', [mostRows, quads(valueDim) * 4]),
      scratch(partials.partial_sums, 'f32', [mostRows, 2]),
    ],
    rejected,
  };
}
