import type { LinearNode } from '../../ir/nodes.ts';
import { quads } from '../extents.ts';
import type { MatrixStorage } from '../plan-base.ts';
import { defaultLimits, type RowSchedule, type TargetProfile } from '../profiles/profiles.ts';
import { floats, vectors } from '../workgroup-memory.ts';
import type { LinearRowPlan } from './kernel-plan.ts';
import { linearOptions } from './plans.ts';

/** What `gqac tune` tries. */
export const rowCandidates: readonly RowSchedule[] = [
  { lanes: 128, reads: 4 },
  { lanes: 64, reads: 4 },
  { lanes: 32, reads: 4 },
];

/** Lanes side by side read neighbouring quads; each should have several, or folding costs more than summing. */
export function lanesFor(inQuads: number): number {
  const fitting = 2 ** Math.floor(Math.log2(Math.max(1, inQuads / 8)));
  return Math.min(32, Math.max(4, fitting));
}

/** How a kernel of one row reads and sums. */
type RowForm = Pick<LinearRowPlan, 'threads' | 'lanes' | 'columns' | 'blockQuads' | 'sharesX' | 'reads' | 'fold'>;

/** What a form depends on. */
interface RowShape {
  readonly inputHeads: number;
  /** A lane may sum two outputs: it has no other sum, and nothing that it adds to. */
  readonly isSingle: boolean;
  readonly inWidth: number;
  /** Of all products of the kernel. */
  readonly outWidth: number;
  readonly weight: MatrixStorage;
}

/** Of workgroup memory, so that several workgroups run side by side. */
const mostSharedBytes = 20_480;

/** With fewer, workgroups of half as many lanes are too few. */
const manyOutputs = 16_384;

/**
 * Integers are read sooner than x, which every output needs again: where x fits, it is brought to workgroup memory, and 16 bytes of integers
 * are loaded at a time.
 */
function sharingForm(
  { inputHeads, isSingle, inWidth, outWidth, weight }: RowShape,
  { subgroupSize }: TargetProfile,
): RowForm | undefined {
  if (subgroupSize !== 32 || typeof weight === 'string' || inputHeads > 1) return undefined;
  const blockQuads = weight.dtype === 'int4' ? 8 : 4;
  const lanes = 32;
  const blocks = quads(inWidth) / blockQuads;
  if (blocks < lanes || 16 * sharedQuads(inWidth, blockQuads) > mostSharedBytes) return undefined;
  const columns = isSingle && outWidth >= manyOutputs ? 2 : 1;
  const reads = readsOf(blocks, lanes, [4, 2]);
  return { threads: 256, lanes, columns, blockQuads, sharesX: true, reads, fold: 'subgroups' };
}

const sharedQuads = (inWidth: number, blockQuads: number) => (quads(inWidth) / blockQuads) * (blockQuads + 1);

function streamingForm({ inWidth, outWidth, weight }: RowShape, profile: TargetProfile): RowForm {
  const inQuads = quads(inWidth);
  const blockQuads = weight !== 'f32' && inQuads % 2 === 0 ? 2 : 1;
  const blocks = inQuads / blockQuads;
  // A wide row alone keeps a larger workgroup busy.
  const threads = profile.subgroupSize === 32 && blocks >= 1024 ? 256 : 128;
  const lanes = fewerForOutputs(rowLanes(blocks, blockQuads, threads, profile), outWidth, threads);
  const fold = profile.subgroupSize === 32 && lanes >= 32 ? 'subgroups' : 'workgroup';
  const own = profile.schedules?.linear_row?.[0]?.reads ?? 4;
  // A load of integers brings half as much, or a quarter.
  const counts = typeof weight === 'string' || fold === 'workgroup' ? [own, 4, 2] : [2 * own, 8, 4, 2];
  return { threads, lanes, columns: 1, blockQuads, sharesX: false, reads: readsOf(blocks, lanes, counts), fold };
}

const readsOf = (blocks: number, lanes: number, counts: readonly number[]): number =>
  counts.find((count) => blocks % (count * lanes) === 0) ?? 1;

/** With subgroups folding is cheap, and many lanes for few outputs keep more loads in flight: whole subgroups, of two blocks a lane or more. */
function rowLanes(
  blocks: number,
  blockQuads: number,
  threads: number,
  { subgroupSize, schedules }: TargetProfile,
): number {
  if (subgroupSize !== 32 || blocks < 32) return lanesFor(blocks * blockQuads);
  const [schedule] = schedules?.linear_row ?? [];
  if (schedule !== undefined) return schedule.lanes;
  return Math.min(threads, Math.max(32, 2 ** Math.floor(Math.log2(blocks / 2))));
}

/** Fewer lanes where there are so many outputs that their workgroups would be more than an axis of a dispatch has (Gemma: 262,144). */
function fewerForOutputs(lanes: number, outputs: number, threads: number): number {
  const workgroups = Math.ceil(outputs / (threads / lanes));
  return lanes > 1 && workgroups > defaultLimits.maxComputeWorkgroupsPerDimension
    ? fewerForOutputs(lanes / 2, outputs, threads)
    : lanes;
}

/** Entries that are turned together are made by one workgroup. */
function inPairs(form: RowForm, { inWidth }: RowShape): RowForm {
  const lanes = Math.min(form.lanes, form.threads / 2);
  if (lanes === form.lanes) return form;
  return { ...form, lanes, reads: readsOf(quads(inWidth) / form.blockQuads, lanes, [4, 2]) };
}

/** @param others what the kernel computes beside the product */
export function planLinearRow(
  node: LinearNode,
  weight: MatrixStorage,
  profile: TargetProfile,
  others: Pick<LinearRowPlan, 'also' | 'norm' | 'heads'>,
): LinearRowPlan {
  const options = linearOptions(node, weight);
  const outWidth = others.also.reduce((sum, product) => sum + product.outWidth, options.outWidth);
  const isSingle = options.gate === 'none' && !options.accumulate && others.also.length === 0;
  const shape = { ...options, isSingle, outWidth };
  const fastest = sharingForm(shape, profile) ?? streamingForm(shape, profile);
  const form = others.heads?.rotation ? inPairs(fastest, shape) : fastest;
  return {
    stage: 'linear_row',
    ...options,
    ...form,
    outputs: (form.threads / form.lanes) * form.columns,
    ...others,
    workgroup: [
      ...rowArrays(form, options, others.norm !== undefined),
      ...(others.heads?.rotation ? [floats('made', form.threads / form.lanes)] : []),
    ],
  };
}

/** x, where it is shared, and the parts of sums that lanes or subgroups add up. */
function rowArrays(
  { threads, lanes, blockQuads, sharesX, fold }: RowForm,
  { inWidth, gate }: Pick<LinearRowPlan, 'inWidth' | 'gate'>,
  isNormed: boolean,
): LinearRowPlan['workgroup'] {
  if (sharesX) {
    const shared = vectors('x_shared', sharedQuads(inWidth, blockQuads));
    return isNormed ? [shared, floats('squares_partials', threads / 32)] : [shared];
  }
  const partials = fold === 'workgroup' ? threads : lanes === 32 ? 0 : threads / 32;
  const sums = ['sum', ...(gate === 'none' ? [] : ['gate_sum']), ...(isNormed ? ['squares'] : [])];
  return partials === 0 ? [] : sums.map((name) => floats(`${name}_partials`, partials));
}
