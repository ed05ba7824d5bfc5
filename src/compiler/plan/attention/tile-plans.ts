import type { Choice } from '../planned.ts';
import type { TargetLimits, TargetProfile, TileSchedule } from '../profiles/profiles.ts';
import { vectors, workgroupBytes } from '../workgroup-memory.ts';
import type { AttentionOptions, AttentionTilePlan } from './kernel-plan.ts';
import { isMaskGiven, openKeys } from './open-keys.ts';

/**
 * In order of preference, within `preferredRegisters`. Large blocks of an invocation read workgroup memory seldom, as long as registers
 * hold them.
 */
const tileSchedules: readonly TileSchedule[] = [
  { products: 'f16', rowLanes: 16, rowsEach: 4, keyLanes: 8, keyVectors: 1, headSlice: 4 },
  { products: 'f16', rowLanes: 16, rowsEach: 3, keyLanes: 8, keyVectors: 1, headSlice: 4 },
  { products: 'f16', rowLanes: 16, rowsEach: 2, keyLanes: 8, keyVectors: 1, headSlice: 4 },
  { products: 'f32', rowLanes: 16, rowsEach: 4, keyLanes: 8, keyVectors: 2, headSlice: 8 },
  { products: 'f32', rowLanes: 16, rowsEach: 2, keyLanes: 8, keyVectors: 2, headSlice: 8 },
];

export const tileCandidates: readonly TileSchedule[] = [2, 3, 4, 5].flatMap((rowsEach) =>
  [8, 16].flatMap((rowLanes) => [
    { products: 'f16', rowLanes, rowsEach, keyLanes: 8, keyVectors: 1, headSlice: 4 } as const,
    { products: 'f16', rowLanes, rowsEach, keyLanes: 8, keyVectors: 1, headSlice: 8 } as const,
    { products: 'f32', rowLanes, rowsEach, keyLanes: 8, keyVectors: 1, headSlice: 8 } as const,
    { products: 'f32', rowLanes, rowsEach, keyLanes: 8, keyVectors: 2, headSlice: 8 } as const,
  ]),
);

/** 32-bit registers of an invocation that scores and outputs may take; beyond this compilers spill to memory. */
const registerBudget = 176;

/** Beyond this, where products are f16, too few workgroups run at once: other registers hold twice as many queries. */
const preferredRegisters = { f16: 128, f32: registerBudget } as const;

/** The first schedule that fits the target's workgroup memory, its storage buffers and the register budget. */
export function planAttentionTile(
  options: AttentionOptions,
  { limits, schedules }: TargetProfile,
  spareBuffers: number,
): Choice<AttentionTilePlan> | { readonly reason: string } {
  const rejected = [];
  const measured = (schedules?.attention_tile ?? []).map((schedule) => ({ schedule, budget: registerBudget }));
  const own = tileSchedules.map((schedule) => ({ schedule, budget: preferredRegisters[schedule.products] }));
  for (const { schedule, budget } of [...measured, ...own]) {
    const plan = tilePlan(options, schedule);
    const reason = problem(plan, limits, budget) ?? (plan.marks && marksProblem(plan, limits, spareBuffers));
    if (reason === undefined) return { plan: lookingAhead(plan, limits), rejected };
    rejected.push({ variant: `tile ${plan.tileRows} × ${plan.tileKeys}, ${plan.products}`, reason });
  }
  return { reason: rejected.map(({ variant, reason }) => `${variant}: ${reason}`).join('; ') };
}

/** The kernel that redoes what was marked: the same rows in a workgroup, products of f32. */
export function exactTile(plan: AttentionTilePlan, limits: TargetLimits): AttentionTilePlan {
  const { rowLanes, rowsEach, keyLanes } = plan;
  const schedule = { products: 'f32', rowLanes, rowsEach, keyLanes, keyVectors: 1, headSlice: 8 } as const;
  const wide = tilePlan(plan, { ...schedule, keyVectors: 2 });
  const exact = problem(wide, limits) === undefined ? wide : tilePlan(plan, schedule);
  return { ...lookingAhead(exact, limits), marks: 'read' };
}

/** As `exactTile`, for what a kernel of another kind has marked. */
export function exactTileFor(
  options: AttentionOptions,
  { limits }: TargetProfile,
  markRows: number,
): AttentionTilePlan | undefined {
  const plans = tileSchedules
    .filter(({ products }) => products === 'f32')
    .map((schedule) => tilePlan(options, schedule));
  const plan = plans.find((one) => problem(one, limits) === undefined);
  return plan && { ...lookingAhead(plan, limits), marks: 'read', markRows };
}

/** Where there is memory left: smaller tiles would cost more than they leave out. */
function lookingAhead(plan: AttentionTilePlan, limits: TargetLimits): AttentionTilePlan {
  const workgroup = [...plan.workgroup, ...openKeys(plan.mask)];
  const fits = workgroupBytes(workgroup) <= limits.maxComputeWorkgroupStorageSize;
  return isMaskGiven(plan.mask) && fits ? { ...plan, looksAhead: true, workgroup } : plan;
}

function tilePlan(options: AttentionOptions, schedule: TileSchedule): AttentionTilePlan {
  const { products, rowLanes, rowsEach, keyLanes, keyVectors } = schedule;
  const { headDim, valueDim } = options;
  const half = products === 'f16';
  const vectorEntries = half ? 8 : 4;
  const tileRows = rowLanes * rowsEach;
  const tileKeys = keyLanes * keyVectors * vectorEntries;
  const headVectors = Math.ceil(headDim / vectorEntries);
  const valueVectors = Math.ceil(valueDim / vectorEntries);
  const headSlice = sliceOf(headVectors, schedule.headSlice);
  const pitch = Math.max(schedule.headSlice, keyLanes);
  const leftPitch = half ? Math.max(headSlice, keyLanes) + 1 : pitch;
  const keyPitch = half ? headSlice + 1 : pitch;
  // The last row needs no padding.
  const lastPadding = half ? 1 : 0;
  const keysLength = tileKeys * keyPitch - lastPadding;
  const keySlice = divisorUpTo(keyLanes, keysLength / vectorEntries / valueVectors);
  const rightLength = Math.max(keysLength, keySlice * vectorEntries * valueVectors);
  // One number for each row and key lane, in quads.
  const scratchLength = (tileRows * keyLanes) / 4;
  return {
    ...options,
    stage: 'attention_tile',
    ...schedule,
    ...(half && { marks: 'written' }),
    vectorEntries,
    loadEntries: headDim % 8 === 0 && valueDim % 8 === 0 ? 8 : 4,
    tileRows,
    markRows: tileRows,
    tileKeys,
    valueVectorsEach: Math.ceil(valueVectors / keyLanes),
    headSlice,
    keySlice,
    leftPitch,
    keyPitch,
    threads: rowLanes * keyLanes,
    looksAhead: false,
    workgroup: half
      ? [
          { name: 'left', element: 'vec4u', length: tileRows * leftPitch - lastPadding },
          { name: 'right', element: 'vec4u', length: rightLength },
          vectors('lanes', scratchLength),
          { name: 'imprecise', element: 'atomic<u32>', length: 1 },
        ]
      : [vectors('left', tileRows * leftPitch), vectors('right', Math.max(rightLength, scratchLength))],
  };
}

/** Slices that come out even are much faster, unless they are short: their loops have constant ends. */
function sliceOf(vectors: number, most: number): number {
  const even = divisorUpTo(vectors, most);
  return 2 * even >= most ? even : Math.ceil(vectors / Math.ceil(vectors / most));
}

/** The largest divisor of `number` that is not above `most`, at least 1. */
function divisorUpTo(number: number, most: number): number {
  for (let divisor = Math.min(number, Math.floor(most)); divisor > 1; divisor--) {
    if (number % divisor === 0) return divisor;
  }
  return 1;
}

function problem(plan: AttentionTilePlan, limits: TargetLimits, budget = registerBudget): string | undefined {
  const { products, threads, rowLanes, rowsEach, keyVectors, vectorEntries, valueVectorsEach, leftPitch } = plan;
  const reason = products === 'f16' ? halfProblem(plan) : undefined;
  if (reason !== undefined) return reason;
  if (rowLanes % 2 !== 0) return 'lanes over the rows come in pairs';
  if (products === 'f32' && rowLanes % leftPitch !== 0) return 'rows of an invocation begin at different vectors';
  if (threads > limits.maxComputeInvocationsPerWorkgroup) return `needs ${threads} invocations`;
  const bytes = workgroupBytes(plan.workgroup);
  const available = limits.maxComputeWorkgroupStorageSize;
  if (bytes > available) return `needs ${bytes} bytes of workgroup memory, the target has ${available}`;
  // Sums of f16 take half a register, beside those of f32 that they are added to.
  const sums = products === 'f16' ? 1.5 : 1;
  const registers = rowsEach * vectorEntries * (keyVectors + sums * valueVectorsEach);
  if (registers > budget) return `needs ${registers} registers an invocation, more than ${budget}`;
  return undefined;
}

function marksProblem(plan: AttentionTilePlan, limits: TargetLimits, spareBuffers: number): string | undefined {
  if (spareBuffers < 1) return 'needs one storage buffer more for its marks';
  return problem(exactTile(plan, limits), limits);
}

function halfProblem(plan: AttentionTilePlan): string | undefined {
  const { keys, similarity, keyLayout, headDim, valueDim } = plan;
  if (keys !== 'f16') return `keys are ${keys}`;
  if (similarity !== 'dot') return 'squares of distances are summed in f32';
  const padded = keyLayout === 'heads-first' || (headDim % 4 === 0 && valueDim % 4 === 0);
  return padded ? undefined : 'rows of keys or values are not padded to four entries';
}
