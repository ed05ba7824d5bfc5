import type { SplitSchedule, TargetProfile } from '../profiles/profiles.ts';
import { floats, pairs, vectors, workgroupBytes } from '../workgroup-memory.ts';
import type {
  AttentionCombinePlan,
  AttentionOptions,
  AttentionSplitPlan,
  AttentionSplitSubgroupsPlan,
  ColumnDeal,
} from './kernel-plan.ts';

/** Heads of a group are worked on in equal blocks of at most this many: their accumulators are in registers. */
const largestHeadBlock = 4;

export function planAttentionSplit(options: AttentionOptions): AttentionSplitPlan {
  const { queriesPerKv } = options.heads;
  const headBlock = Math.ceil(queriesPerKv / Math.ceil(queriesPerKv / largestHeadBlock));
  const partColumns = 128;
  return {
    stage: 'attention_split',
    ...options,
    partColumns,
    headBlock,
    threads: partColumns,
    workgroup: [
      floats('scores', headBlock * partColumns),
      vectors('slices', headBlock * partColumns),
      floats('maxima', headBlock),
    ],
  };
}

/**
 * Small workgroups with little memory: many on a unit hide more than long bursts do. Reads in flight are those of 64 columns, a small
 * share; wide heads fill the registers of half as many workgroups.
 */
function splitSchedule({ heads, headDim, valueDim, keys }: AttentionOptions): SplitSchedule {
  const threads = 128;
  const isWide = heads.queriesPerKv === 1 || keys === 'f32';
  const reads = isWide ? 4 : Math.max(4, Math.min(8, (64 * lanesOf(headDim)) / threads));
  const workgroups = Math.max(headDim, valueDim) > 128 ? 256 : 512;
  return { threads, columns: 512, reads, leastColumns: 64, workgroups };
}

/** Lanes side by side that read a row, eight entries each or as many as are said. */
const lanesOf = (width: number, entries = 8) => 2 ** Math.max(2, Math.ceil(Math.log2(width / entries)));

/** 16 bytes of integers, where rows are as wide as four lanes read, and begin at multiples of it. */
const readsWideKeys = ({ keys, headDim, valuesInKeys }: AttentionOptions) =>
  keys === 'int8' && headDim >= 64 && headDim % 16 === 0 && !valuesInKeys;

/** What may be fastest elsewhere. */
export const splitCandidates: readonly SplitSchedule[] = [128, 256, 64].flatMap((threads) =>
  [8, 4].flatMap((reads) =>
    [512, 256, 1024].map((workgroups) => ({ threads, columns: 512, reads, leastColumns: 64, workgroups })),
  ),
);

export function planAttentionSplitSubgroups(
  options: AttentionOptions,
  { subgroupSize, limits, schedules }: TargetProfile,
): { readonly plan: AttentionSplitSubgroupsPlan; readonly deal: ColumnDeal } | { readonly reason: string } {
  const { headDim, valueDim, keys, similarity, columns, mask } = options;
  if (subgroupSize !== 32) return { reason: 'the target does not promise subgroups of 32' };
  if (keys !== 'f16' && keys !== 'int8' && keys !== 'f32')
    return { reason: `keys are ${keys}, this form reads f16, int8 and f32` };
  if (keys === 'int8' && columns.memory > 0) return { reason: 'memory is not of int8' };
  if (similarity !== 'dot') return { reason: 'a distance is not a dot product' };
  if (headDim % 8 > 0 || valueDim % 8 > 0) return { reason: 'widths are not multiples of 8' };
  if (Math.max(headDim, valueDim) > 256) return { reason: 'a row is wider than a subgroup reads at once' };
  if (columns.memory + columns.zero > 0 && mask.window !== undefined && mask.memoryVisible === 'windowed') {
    return { reason: 'the window moves over the memory' };
  }
  const schedule = schedules?.attention_split_subgroups?.[0] ?? splitSchedule(options);
  const { threads, reads } = schedule;
  if (threads > limits.maxComputeInvocationsPerWorkgroup) return { reason: `needs ${threads} invocations` };
  const valueLanes = lanesOf(valueDim);
  const { kvHeads, queriesPerKv } = options.heads;
  const reach = mask.causal && mask.prefix === undefined ? (mask.window ?? mask.chunk) : undefined;
  const deal: ColumnDeal = {
    least: schedule.leastColumns,
    most: schedule.columns,
    parts: Math.max(1, Math.floor(schedule.workgroups / (kvHeads * Math.ceil(queriesPerKv / 4)))),
    ...(reach !== undefined && { reach }),
  };
  const wideKeys = readsWideKeys(options);
  const plan: AttentionSplitSubgroupsPlan = {
    stage: 'attention_split_subgroups',
    ...options,
    loadEntries: 8,
    ...(wideKeys && { keyEntries: 16 }),
    keyLanes: lanesOf(headDim, wideKeys ? 16 : 8),
    valueLanes,
    reads,
    keyReads: wideKeys ? reads / 2 : reads,
    threads,
    columnsAtMost: schedule.columns,
    workgroup: [
      // Scores, then weights, then outputs of each subgroup: little memory lets many workgroups run at once.
      vectors('scratch', Math.max(schedule.columns, (threads / 32) * 4 * valueLanes * 2)),
      vectors('maxima', threads / 32),
      vectors('sums', threads / 32),
    ],
  };
  const bytes = workgroupBytes(plan.workgroup);
  const available = limits.maxComputeWorkgroupStorageSize;
  if (bytes > available) return { reason: `needs ${bytes} bytes of workgroup memory, the target has ${available}` };
  return { plan, deal };
}

/** How the lanes of a workgroup of `attention_combine` share its work, of rows of so many quads. */
export function combineLanes(
  rowQuads: number,
  { parts }: ColumnDeal,
  usesSubgroups: boolean,
): Pick<AttentionCombinePlan, 'quadsAtOnce' | 'usesSubgroups' | 'reads' | 'threads' | 'workgroup'> {
  if (usesSubgroups) {
    // Many workgroups with a few quads each: reading the parts is a matter of latency.
    const threads = 128;
    const quadsAtOnce = [4, 2].find((count) => rowQuads % count === 0) ?? 1;
    const workgroup = [vectors('outputs', (threads / 32) * quadsAtOnce), pairs('sums', threads / 32)];
    return {
      quadsAtOnce,
      usesSubgroups,
      threads,
      reads: Math.min(4, Math.ceil((parts * quadsAtOnce) / threads)),
      workgroup,
    };
  }
  const threads = Math.max(64, Math.min(256, rowQuads * 8));
  const workgroup = [vectors('outputs', threads), pairs('sums', Math.ceil(threads / rowQuads))];
  return { quadsAtOnce: rowQuads, usesSubgroups, threads, reads: 4, workgroup };
}
