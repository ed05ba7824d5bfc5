import type { LatentSchedule, TargetProfile } from '../profiles/profiles.ts';
import { floats, halfVectors, vectors, workgroupBytes } from '../workgroup-memory.ts';
import type { AttentionLatentPlan, AttentionOptions, ColumnDeal } from './kernel-plan.ts';

/** In order of preference: eight subgroups fill a unit; four serve as few heads as one block has. */
const schedulesFor: Readonly<Record<AttentionLatentPlan['leaves'], readonly LatentSchedule[]>> = {
  parts: [schedule(8, 2), schedule(4, 1)],
  rows: [schedule(8, 4), schedule(8, 2), schedule(4, 1)],
};

function schedule(subgroups: number, rowBlocks: number, tileKeys = 16): LatentSchedule {
  return { subgroups, headSlices: 4, rowBlocks, tileKeys, workgroups: 128 };
}

/** What may be fastest elsewhere. */
export const latentCandidates: readonly LatentSchedule[] = [
  ...schedulesFor.rows,
  schedule(4, 2),
  schedule(4, 1, 32),
  { ...schedule(4, 1), workgroups: 256 },
  { ...schedule(4, 2), workgroups: 256 },
];

/** 32-bit registers of a lane that queries and outputs may take of the 255 that there are. */
const registerBudget = 208;

/** Columns that are worth a workgroup of their own. */
const leastColumns = 64;

export function planAttentionLatent(
  options: AttentionOptions,
  profile: TargetProfile,
  leaves: AttentionLatentPlan['leaves'],
): { readonly plan: AttentionLatentPlan; readonly deal: ColumnDeal } | { readonly reason: string } {
  const reason = unfit(options);
  if (reason !== undefined) return { reason };
  const problems: string[] = [];
  for (const schedule of [...(profile.schedules?.attention_latent ?? []), ...schedulesFor[leaves]]) {
    const plan = latentPlan(options, schedule, leaves);
    const found = problem(plan, profile);
    if (found === undefined) {
      const parts = Math.max(
        1,
        Math.floor(schedule.workgroups / Math.ceil(options.heads.qHeads / (16 * plan.rowBlocks))),
      );
      const deal = { least: leastColumns, parts };
      return { plan, deal };
    }
    problems.push(found);
  }
  return { reason: problems.join('; ') };
}

function unfit({ heads, keys, similarity, valuesInKeys, columns, mask }: AttentionOptions): string | undefined {
  if (valuesInKeys !== true) return 'values are not the first entries of keys';
  if (keys !== 'f16') return `keys are ${keys}, subgroup matrices take f16`;
  if (similarity !== 'dot') return 'a distance is not a product of matrices';
  if (heads.kvHeads > 1) return 'heads have rows of their own';
  if (heads.qHeads < 8) return 'most of a block of 16 heads would be empty';
  if (columns.memory > 0) return 'memory is not among the rows';
  if (mask.window !== undefined || mask.chunk !== undefined) return 'what a window hides would be read';
  if (mask.padding === 'keys_and_queries') return 'rows of hidden tokens would not become zero';
  return undefined;
}

function latentPlan(
  options: AttentionOptions,
  schedule: LatentSchedule,
  leaves: AttentionLatentPlan['leaves'],
): AttentionLatentPlan {
  const { subgroups, headSlices, tileKeys } = schedule;
  const rowBlocks = Math.min(schedule.rowBlocks, Math.ceil(options.heads.qHeads / 16));
  const rows = rowBlocks * 16;
  const keyPitch = options.headDim / 4 + 2;
  const scorePitch = tileKeys / 4;
  const weightPitch = tileKeys / 4 + 2;
  return {
    stage: 'attention_latent',
    leaves,
    ...(leaves === 'rows' && { marks: 'written' }),
    // In a prompt every product counts, and its queries are as precise as its keys, which are stored as f16.
    rounding: leaves === 'parts' && options.queries === 'f32' ? 'split' : 'ignored',
    ...options,
    subgroups,
    headSlices,
    rowBlocks,
    tileKeys,
    loadEntries: 8,
    keyPitch,
    scorePitch,
    weightPitch,
    threads: subgroups * 32,
    workgroup: [
      halfVectors('keys', tileKeys * keyPitch),
      halfVectors('weights', rows * weightPitch),
      // Of each slice; outputs of each subgroup pass through it, block by block.
      vectors('scores', Math.max(headSlices * rows * scorePitch, subgroups * 16 * 4)),
      ...(leaves === 'rows' ? [floats('factors', rows)] : []),
      { name: 'overflow', element: 'atomic<u32>', length: 4 },
    ],
  };
}

function problem(plan: AttentionLatentPlan, { limits }: TargetProfile): string | undefined {
  const { headDim, valueDim, subgroups, headSlices, rowBlocks, threads, rounding } = plan;
  const sharing = subgroups / headSlices;
  if (headDim % (16 * headSlices) > 0 || valueDim % (16 * subgroups) > 0 || headDim % 8 > 0)
    return `widths of ${headDim} and ${valueDim} do not divide into ${headSlices} and ${subgroups} slices of whole blocks`;
  if (rowBlocks % sharing > 0) return `${rowBlocks} blocks of rows do not divide among ${sharing} subgroups`;
  if (threads > limits.maxComputeInvocationsPerWorkgroup) return `needs ${threads} invocations`;
  const bytes = workgroupBytes(plan.workgroup);
  const available = limits.maxComputeWorkgroupStorageSize;
  if (bytes > available) return `needs ${bytes} bytes of workgroup memory, the target has ${available}`;
  const queries = ((rounding === 'split' ? 8 : 4) * (rowBlocks / sharing) * headDim) / 16 / headSlices;
  const registers = queries + (8 * rowBlocks * valueDim) / 16 / subgroups;
  if (registers > registerBudget)
    return `needs ${registers} registers a lane for queries and outputs, more than ${registerBudget}`;
  return undefined;
}

/** The kernel that redoes what another has marked. */
export const redoLatent = (plan: AttentionLatentPlan): AttentionLatentPlan => ({ ...plan, marks: 'read' });
