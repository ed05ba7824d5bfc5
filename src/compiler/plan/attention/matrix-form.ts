import type { Extent } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv, quads, times } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { Rejection } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { scratch } from '../scratch.ts';
import { besideFew, type FewTokens, isFew, mostFewRows, splitFewTokens } from './few-tokens.ts';
import {
  type Attempt,
  countPresent,
  type Form,
  fusedBindings,
  fusionObstacle,
  inputsOf,
  restObstacle,
  tooMany,
} from './form.ts';
import type { AttentionMatrixPlan, AttentionOptions, ColumnDeal } from './kernel-plan.ts';
import { knownMaximum, planAttentionMatrix, planFewRows, rowsOfMatrix } from './matrix-plans.ts';
import { columnParts, partCount } from './parts.ts';
import { exactTileFor } from './tile-plans.ts';

/** The fast kernel, and the one that redoes the workgroups that it marks: mostly none. */
export function matrixForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const { heads } = node;
  const reason =
    fusionObstacle(node) ?? restObstacle(node) ?? tooMany(fusedBindings(node) + countPresent(node.sinks), profile);
  if (reason !== undefined) return { reason };
  const choice = planAttentionMatrix(options, profile, node.compute);
  if ('reason' in choice) return choice;
  const { rejected } = choice;
  const hasRoom = tooMany(fusedBindings(node) + countPresent(node.sinks) + 2, profile) === undefined;
  const redone = knownMaximum({ ...choice.plan, inParts: choice.plan.inParts && hasRoom });
  const plan = { ...choice.plan, inParts: redone?.inParts ?? false };
  const redo = redone ?? exactTileFor(options, profile, plan.markRows);
  if (redo === undefined) return { reason: 'no kernel could redo what it marks' };
  const tiles = tilesOf(node, plan.markRows);
  const redoTiles = tilesOf(node, redo.stage === 'attention_tile' ? redo.tileRows : rowsOfMatrix(redo));
  const marks = `marks_${heads.kvHeads}_${plan.markRows}`;
  const { scores, logits, sinks, values } = inputsOf(node);
  const bind = { ...scores, ...logits, ...sinks, ...values, out: node.out, marks };
  if (!plan.inParts) {
    const many: Form = {
      dispatches: [
        dispatch(node, plan, bind, [heads.kvHeads, tiles, 'B']),
        dispatch(node, redo, bind, [heads.kvHeads, redoTiles, 'B']),
      ],
      scratch: [scratch(marks, 'u32', ['B', tiles, heads.kvHeads])],
      rejected,
    };
    return redone === undefined ? besideFew(many, splitFewTokens(node, options, profile)) : many;
  }
  const many = inParts(node, { plan, redo }, bind, { marks, tiles, redoTiles, rejected });
  return besideFew(many, fewTokens(node, options, bind, profile));
}

/** Workgroups of so many rows that a KV head's queries take. */
const tilesOf = ({ heads }: AttentionNode, rows: number) => ceilDiv(times('I', heads.queriesPerKv), rows);

function fewTokens(
  node: AttentionNode,
  options: AttentionOptions,
  inputs: Readonly<Record<string, string | undefined>>,
  profile: TargetProfile,
): FewTokens | undefined {
  const { kvHeads, queriesPerKv } = node.heads;
  const plan = planFewRows(options, profile, node.compute);
  const mostTokens = Math.floor(mostFewRows / queriesPerKv);
  const redo = plan && knownMaximum(plan);
  if (plan === undefined || redo === undefined || mostTokens < 2 || node.cross) return undefined;
  const deal: ColumnDeal = { least: 128, parts: Math.max(1, Math.floor(256 / kvHeads)) };
  const count = partCount(deal, node);
  const few = isFew(mostTokens);
  const parts = columnParts(node, options, deal, {
    usesSubgroups: true,
    tokens: ['min', 'I', mostTokens],
    joins: times(few, ['min', 1, ['less', count, 1]]),
  });
  const marks = `marks_few_${kvHeads}`;
  const bind = { ...inputs, ...parts.partials, marks };
  const grid = [times(few, kvHeads), 1, times('B', count)] as const;
  return {
    mostTokens,
    dispatches: [dispatch(node, plan, bind, grid), dispatch(node, redo, bind, grid), parts.join],
    scratch: [...parts.scratch, scratch(marks, 'u32', ['B', count, kvHeads])],
  };
}

/** Workgroups that keep a large device busy, and columns that are worth a workgroup of their own. */
const enoughWorkgroups = 128;
const leastColumns = 512;
const mostPartsOfMatrix = 16;

interface PartsOf {
  readonly marks: string;
  readonly tiles: Extent;
  readonly redoTiles: Extent;
  readonly rejected: readonly Rejection[];
}

/** Parts are so many that there are enough workgroups, where columns suffice; most calls have one, and then nothing to join. */
function inParts(
  node: AttentionNode,
  { plan, redo }: { readonly plan: AttentionMatrixPlan; readonly redo: KernelPlan },
  inputs: Readonly<Record<string, string | undefined>>,
  { marks, tiles, redoTiles, rejected }: PartsOf,
): Form {
  const { heads, valueDim } = node;
  const { qHeads, kvHeads } = heads;
  const workgroups = times('B', tiles, kvHeads);
  const parts: Extent = ['min', mostPartsOfMatrix, ceilDiv('J', leastColumns), ceilDiv(enoughWorkgroups, workgroups)];
  const rows = plan.markRows;
  const size = `${qHeads}x${valueDim}_${rows}`;
  const partials = { partial_outputs: `parts_${size}`, partial_sums: `part_sums_${size}` };
  const bind = { ...inputs, ...partials };
  const depth = times('B', parts);
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
  return {
    dispatches: [
      dispatch(node, plan, bind, [kvHeads, tiles, depth]),
      dispatch(node, redo, bind, [kvHeads, redoTiles, depth]),
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
