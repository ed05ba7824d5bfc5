import type { Choice } from './attention-plans.ts';
import type { AttentionMatrixPlan, AttentionOptions } from './kernel-plan.ts';
import type { MatrixSchedule, TargetProfile } from './profiles.ts';
import { halfVectors, vectors, workgroupBytes } from './workgroup-memory.ts';

/** In order of preference: more rows in a subgroup read keys and values less often, as long as the registers hold them. */
const matrixSchedules: readonly MatrixSchedule[] = [
  { subgroups: 4, rowBlocks: 2, tileKeys: 16, scores: 'f32' },
  { subgroups: 4, rowBlocks: 1, tileKeys: 16, scores: 'f32' },
];

/** What may be fastest elsewhere. */
export const matrixCandidates: readonly MatrixSchedule[] = [2, 4, 8].flatMap((subgroups) =>
  [1, 2].flatMap((rowBlocks) =>
    [16, 32].map((tileKeys): MatrixSchedule => ({ subgroups, rowBlocks, tileKeys, scores: 'f32' })),
  ),
);

/** 32-bit registers of a lane that queries and outputs may take of the 255 that there are. */
const registerBudget = 192;

export function planAttentionMatrix(
  options: AttentionOptions,
  profile: TargetProfile,
): Choice<AttentionMatrixPlan> | { readonly reason: string } {
  if (options.keys !== 'f16' && options.keys !== 'int8')
    return { reason: `keys are ${options.keys}, subgroup matrices take f16` };
  if (options.similarity !== 'dot') return { reason: 'a distance is not a product of matrices' };
  const rejected = [];
  for (const schedule of profile.schedules?.attention_matrix ?? matrixSchedules) {
    const plan = matrixPlan(options, schedule);
    const reason = problem(plan, profile);
    if (reason === undefined) return { plan, rejected };
    const { subgroups, rowBlocks, tileKeys } = schedule;
    rejected.push({ variant: `matrix ${subgroups} × ${rowBlocks * 16} × ${tileKeys}`, reason });
  }
  return { reason: rejected.map(({ variant, reason }) => `${variant}: ${reason}`).join('; ') };
}

const blocks = (width: number) => Math.ceil(width / 16);

function matrixPlan(options: AttentionOptions, schedule: MatrixSchedule): AttentionMatrixPlan {
  const { subgroups, rowBlocks, tileKeys } = schedule;
  const rows = subgroups * rowBlocks * 16;
  const width = blocks(Math.max(options.headDim, options.valueDim)) * 16;
  // 8 halves more than needed, so that rows side by side lie in different banks.
  const tilePitch = (width + 8) / 4;
  const scorePitch = (tileKeys + 8) / 4;
  const scores = [vectors('scores', rows * scorePitch), halfVectors('pattern', rows * scorePitch)];
  const pattern = [halfVectors('pattern', rows * scorePitch), vectors('scratch', subgroups * 80)];
  return {
    stage: 'attention_matrix',
    reference: 'fixed',
    ...options,
    ...schedule,
    loadEntries: options.headDim % 8 === 0 && options.valueDim % 8 === 0 ? 8 : 4,
    tilePitch,
    scorePitch,
    threads: subgroups * 32,
    workgroup: [
      halfVectors('tile', tileKeys * tilePitch),
      ...(schedule.scores === 'f32' ? scores : pattern),
      // One would do, but 16 bytes keep the other arrays where matrices can be loaded from.
      { name: 'overflow', element: 'atomic<u32>', length: 4 },
    ],
  };
}

/** The kernel that redoes what the fixed reference could not hold: the same rows in a workgroup, tiles small enough for its scratch. */
export function raisedReference(plan: AttentionMatrixPlan): AttentionMatrixPlan {
  const { subgroups, rowBlocks } = plan;
  const raised = matrixPlan(plan, { subgroups, rowBlocks, tileKeys: 16, scores: 'f32' });
  const workgroup = raised.workgroup.filter(({ name }) => name !== 'overflow');
  return { ...raised, reference: 'raised', workgroup: [...workgroup, vectors('scratch', subgroups * 80)] };
}

function problem(plan: AttentionMatrixPlan, { limits }: TargetProfile): string | undefined {
  const bytes = workgroupBytes(plan.workgroup);
  const available = limits.maxComputeWorkgroupStorageSize;
  if (bytes > available) return `needs ${bytes} bytes of workgroup memory, the target has ${available}`;
  const registers = plan.rowBlocks * (4 * blocks(plan.headDim) + 8 * blocks(plan.valueDim));
  if (registers > registerBudget)
    return `needs ${registers} registers a lane for queries and outputs, more than ${registerBudget}`;
  return undefined;
}
