import type { Choice } from '../planned.ts';
import type { MatrixSchedule, TargetProfile } from '../profiles/profiles.ts';
import { halfVectors, vectors, workgroupBytes } from '../workgroup-memory.ts';
import type { AttentionMatrixPlan, AttentionOptions } from './kernel-plan.ts';
import { openKeys } from './open-keys.ts';

/**
 * In order of preference. More rows in a subgroup read keys and values less often, as long as the registers hold them; more subgroups
 * share what was staged, as long as the memory holds their scores, and pay off for wide heads. Workgroups of a short
 * window soon end: two on a unit, whose memory they fit, hide how another begins.
 */
function schedulesFor(options: AttentionOptions): readonly MatrixSchedule[] {
  const subgroups = Math.max(options.headDim, options.valueDim) > 96 && !hasShortWindow(options) ? [8, 4] : [4, 8];
  return [2, 1].flatMap((rowBlocks) =>
    subgroups.map((count): MatrixSchedule => ({ subgroups: count, rowBlocks, tileKeys: 16 })),
  );
}

/** Up to this were four subgroups measured to be faster, with windows of 4,096 eight. */
const hasShortWindow = ({ mask, headDim, valueDim }: AttentionOptions) =>
  mask.window !== undefined && mask.window <= 1024 && Math.max(headDim, valueDim) <= 128;

/** Keys far behind a query are skipped: there is little to deal out, and much that concerns some rows only. */
const isMoving = ({ window, chunk, where }: AttentionOptions['mask']) =>
  window !== undefined || chunk !== undefined || where !== undefined;

/** What may be fastest elsewhere. */
export const matrixCandidates: readonly MatrixSchedule[] = [2, 4, 8].flatMap((subgroups) =>
  [1, 2].flatMap((rowBlocks) => [16, 32].map((tileKeys): MatrixSchedule => ({ subgroups, rowBlocks, tileKeys }))),
);

/** 32-bit registers of a lane that queries and outputs may take of the 255 that there are. */
const registerBudget = 192;

/**
 * Bytes of workgroup memory for each subgroup: what the drivers measured keep of a unit's memory is 48 KiB, and eight subgroups with
 * full registers are what a unit runs at a time. With half as many it takes nearly twice as long.
 */
const bytesEach = 6 * 1024 - 64;

export function planAttentionMatrix(
  options: AttentionOptions,
  profile: TargetProfile,
  compute: 'f32' | 'f16' = 'f32',
): Choice<AttentionMatrixPlan> | { readonly reason: string } {
  if (options.keys !== 'f16' && options.keys !== 'int8')
    return { reason: `keys are ${options.keys}, subgroup matrices take f16` };
  if (options.keys === 'int8' && options.columns.memory > 0) return { reason: 'memory is not of int8' };
  if (options.similarity !== 'dot') return { reason: 'a distance is not a product of matrices' };
  if (options.keyLayout === 'tokens-first' && (options.headDim % 4 > 0 || options.valueDim % 4 > 0))
    return {
      reason: 'given keys and values have no padding: widths that are not multiples of 4 are read entry by entry',
    };
  const rejected = [];
  const rounded = { ...options, rounding: roundingOf(options, compute) };
  for (const schedule of [...(profile.schedules?.attention_matrix ?? []), ...schedulesFor(options)]) {
    const plan = matrixPlan(rounded, schedule);
    const reason = problem(plan, profile);
    if (reason === undefined) return { plan, rejected };
    const { subgroups, rowBlocks, tileKeys } = schedule;
    rejected.push({ variant: `matrix ${subgroups} × ${rowBlocks * 16} × ${tileKeys}`, reason });
  }
  return { reason: rejected.map(({ variant, reason }) => `${variant}: ${reason}`).join('; ') };
}

/** For calls of few tokens: 64 rows, in workgroups of little memory and few registers, so that a unit runs many. */
export function planFewRows(
  options: AttentionOptions,
  profile: TargetProfile,
  compute: 'f32' | 'f16' = 'f32',
): AttentionMatrixPlan | undefined {
  const schedule: MatrixSchedule = { subgroups: 4, rowBlocks: 1, tileKeys: 16 };
  const rounded = { ...options, rounding: roundingOf(options, compute) };
  const plan: AttentionMatrixPlan = { ...matrixPlan(rounded, schedule), inParts: true, fewRows: true };
  return problem(plan, profile) === undefined ? plan : undefined;
}

/** Of a workgroup. */
export const rowsOfMatrix = ({ subgroups, rowBlocks }: Pick<MatrixSchedule, 'subgroups' | 'rowBlocks'>) =>
  subgroups * rowBlocks * 16;

const blocks = (width: number) => Math.ceil(width / 16);

/** Quads from one row to the next of what passes from scores to products with values. */
type Layout = Pick<AttentionMatrixPlan, 'scorePitch' | 'weightPitch' | 'turned'>;

/** In order of preference, as the memory of a unit allows. Scales of int8 are read by all lanes alike, unless these begin at different quads. */
function layoutsOf(
  { keys }: AttentionOptions,
  { rowBlocks, tileKeys }: MatrixSchedule,
): readonly [Layout, ...Layout[]] {
  const scorePitch = tileKeys / 4 + 1;
  const bare = { scorePitch, weightPitch: tileKeys / 4, turned: false };
  if (rowBlocks === 2 && tileKeys === 16 && keys !== 'int8')
    return [{ scorePitch: 6, weightPitch: 4, turned: true }, bare];
  return [{ scorePitch, weightPitch: paddedPitch(tileKeys), turned: false }, bare];
}

/** Of f16: 8 more than needed, so that rows side by side lie in different banks, and all of them at multiples of 16 bytes. */
const paddedPitch = (width: number) => (width + 8) / 4;

type MatrixOptions = AttentionOptions & Pick<AttentionMatrixPlan, 'rounding'>;

function matrixPlan(options: MatrixOptions, schedule: MatrixSchedule): AttentionMatrixPlan {
  const [preferred, bare = preferred] = layoutsOf(options, schedule);
  const plan = withLayout(options, schedule, preferred);
  const fits = workgroupBytes(plan.workgroup) <= schedule.subgroups * bytesEach;
  return fits ? plan : withLayout(options, schedule, bare);
}

function withLayout(options: MatrixOptions, schedule: MatrixSchedule, layout: Layout): AttentionMatrixPlan {
  const { subgroups, tileKeys } = schedule;
  const rows = rowsOfMatrix(schedule);
  const keyPitch = paddedPitch(blocks(options.headDim) * 16);
  const valuePitch = paddedPitch(blocks(options.valueDim) * 16);
  const { scorePitch, weightPitch } = layout;
  return {
    stage: 'attention_matrix',
    reference: 'fixed',
    markRows: rows,
    startsWith: hasShortWindow(options) ? 'first rows' : 'last rows',
    inParts: options.mask.padding !== 'keys_and_queries' && !isMoving(options.mask),
    ...options,
    ...schedule,
    loadEntries: options.headDim % 8 === 0 && options.valueDim % 8 === 0 ? 8 : 4,
    keyPitch,
    valuePitch,
    ...layout,
    threads: subgroups * 32,
    workgroup: [
      halfVectors('keys', tileKeys * keyPitch),
      halfVectors('values', tileKeys * valuePitch),
      halfVectors('weights', rows * weightPitch),
      vectors('scores', rows * scorePitch),
      // Of the columns of two tiles.
      ...(options.keys === 'int8' ? [vectors('key_scales', tileKeys / 2)] : []),
      // Fewer would do, but multiples of 16 bytes keep the other arrays where matrices can be loaded from.
      ...openKeys(options.mask, 8),
      { name: 'found', element: 'atomic<u32>', length: 4 },
    ],
  };
}

/** Queries that the app gives as f32: those that kernels make are as precise as keys are, which are stored as f16. */
const roundsGiven = ({ queries, keyLayout }: AttentionOptions) => queries === 'f32' && keyLayout === 'tokens-first';

function roundingOf(options: AttentionOptions, compute: 'f32' | 'f16'): AttentionMatrixPlan['rounding'] {
  if (!roundsGiven(options)) return 'ignored';
  return compute === 'f16' ? 'small' : 'left';
}

/**
 * The kernel that redoes what was marked: exact scores, of both parts of given queries. These take registers, for which it has fewer rows
 * in a workgroup, or none: undefined.
 */
export function knownMaximum(plan: AttentionMatrixPlan): AttentionMatrixPlan | undefined {
  const { subgroups, inParts, fewRows, markRows } = plan;
  const rounding = roundsGiven(plan) ? 'split' : 'ignored';
  const rowBlocks = [plan.rowBlocks, 1].find(
    (count) => registersOf({ ...plan, rounding, rowBlocks: count }) <= registerBudget,
  );
  if (rowBlocks === undefined) return undefined;
  const exact = matrixPlan({ ...plan, rounding }, { subgroups, rowBlocks, tileKeys: 16 });
  const workgroup = exact.workgroup.filter(({ name }) => name !== 'found');
  return { ...exact, inParts, ...(fewRows && { fewRows }), reference: 'maximum', markRows, workgroup };
}

/** For queries and outputs, of each lane. */
function registersOf({
  rounding,
  rowBlocks,
  headDim,
  valueDim,
}: Pick<AttentionMatrixPlan, 'rounding' | 'rowBlocks' | 'headDim' | 'valueDim'>): number {
  return rowBlocks * (4 * blocks(headDim) * (rounding === 'split' ? 2 : 1) + 8 * blocks(valueDim));
}

function problem(plan: AttentionMatrixPlan, { limits }: TargetProfile): string | undefined {
  const bytes = workgroupBytes(plan.workgroup);
  const available = limits.maxComputeWorkgroupStorageSize;
  if (bytes > available) return `needs ${bytes} bytes of workgroup memory, the target has ${available}`;
  const registers = registersOf(plan);
  if (registers > registerBudget)
    return `needs ${registers} registers a lane for queries and outputs, more than ${registerBudget}`;
  return undefined;
}
