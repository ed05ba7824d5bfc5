import type { ShapedSpec } from '../compiler/check/shaped-spec.ts';
import type { CallSizes } from '../compiler/facts/cost-report.ts';
import type { Arithmetic } from '../compiler/facts/devices.ts';
import { trafficOf } from '../compiler/facts/kernel-bytes.ts';
import { callOf } from '../compiler/facts/kernel-costs.ts';
import { arithmeticOf } from '../compiler/facts/kernel-flops.ts';
import type { AttnModule } from '../compiler/ir/nodes.ts';
import { usesOf } from '../compiler/ir/uses.ts';
import { kernelName } from '../compiler/plan/kernel-name.ts';
import type { Schedules, TargetProfile } from '../compiler/plan/profiles.ts';
import type { Candidates, ScheduledStage, ScheduleOf } from '../compiler/plan/schedule-candidates.ts';
import { compareRows, type Difference } from '../verify/compare.ts';
import { isWithin } from '../verify/tolerances.ts';
import { NodeTrial, type TrialSetup } from './node-trial.ts';
import { dispatchesOf, nodesByStage, type StageNode } from './stage-nodes.ts';
import type { Stopwatch } from './stopwatch.ts';

export interface TuneOptions extends CallSizes {
  readonly device: GPUDevice;
  readonly stopwatch: Stopwatch;
  /** Schedules to try; a stage without any stays as planned. */
  readonly candidates: Candidates;
  /** The device keeps so many bytes in its cache: tensors of a decoded token that fit there are copied. 0: never. */
  readonly cacheBytes: number;
  /** After so many seconds the candidates that are left are not tried. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onCandidate?: (stage: ScheduledStage, index: number, count: number) => void;
}

/** What became of a schedule. `milliseconds` is the sum over all nodes that it serves. */
export type Outcome =
  | { readonly kind: 'timed'; readonly milliseconds: number }
  | { readonly kind: 'wrong'; readonly difference: Difference }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unfit'; readonly reason: string }
  | { readonly kind: 'same' }
  | { readonly kind: 'untried' };

export interface StageReport<Stage extends ScheduledStage = ScheduledStage> {
  readonly stage: Stage;
  /** Kernels as they were planned. */
  readonly kernels: readonly string[];
  /** Of what the planner chose by itself, all nodes together. */
  readonly plannedMilliseconds: number;
  readonly candidates: readonly { readonly schedule: ScheduleOf<Stage>; readonly outcome: Outcome }[];
  /** Absent where nothing is faster than what was planned by more than times differ anyway. */
  readonly best?: ScheduleOf<Stage>;
  readonly bestMilliseconds: number;
}

/** A schedule has to take this share of the planned time or less, or the plan stays. */
const worthwhile = 0.98;

/** Tries every candidate for every stage of the spec's program. Throws the signal's reason when it is aborted. */
export async function tuneModule(
  shaped: ShapedSpec,
  module: AttnModule,
  profile: TargetProfile,
  options: TuneOptions,
): Promise<readonly StageReport[]> {
  const deadline = performance.now() + options.seconds * 1e3;
  const reports: StageReport[] = [];
  for (const [stage, nodes] of nodesByStage(module, profile, options))
    if (options.candidates[stage] !== undefined)
      reports.push(await tuneStage(stage, nodes, { shaped, module, profile, options, deadline }));
  return reports;
}

/** The schedules of a profile: what was found to be faster than the plan. */
export function schedulesOf(reports: readonly StageReport[]): Schedules {
  return Object.fromEntries(reports.flatMap(({ stage, best }) => (best === undefined ? [] : [[stage, [best]]])));
}

interface Work {
  readonly shaped: ShapedSpec;
  readonly module: AttnModule;
  readonly profile: TargetProfile;
  readonly options: TuneOptions;
  readonly deadline: number;
}

/** A node as it was planned: what it gave, and how long it took. */
interface Planned {
  readonly stageNode: StageNode;
  readonly key: string;
  readonly outputs: ReadonlyMap<string, Float32Array>;
  /** How precise its own kernels are. */
  readonly agreement: Difference;
  readonly milliseconds: number;
}

async function tuneStage<Stage extends ScheduledStage>(
  stage: Stage,
  nodes: readonly StageNode[],
  work: Work,
): Promise<StageReport<Stage>> {
  const planned: Planned[] = [];
  for (const stageNode of nodes) planned.push(await runPlanned(stageNode, work));
  const total = sum(planned);
  const tried = new Set([planned.map(({ key }) => key).join()]);
  const candidates: { schedule: ScheduleOf<Stage>; outcome: Outcome }[] = [];
  const all: readonly ScheduleOf<Stage>[] = work.options.candidates[stage] ?? [];
  for (const [index, schedule] of all.entries()) {
    work.options.signal.throwIfAborted();
    work.options.onCandidate?.(stage, index, all.length);
    const profile = { ...work.profile, schedules: { [stage]: [schedule] } };
    candidates.push({ schedule, outcome: await tryCandidate(stage, planned, tried, { ...work, profile }) });
  }
  const [fastest] = candidates
    .flatMap(({ schedule, outcome }) =>
      outcome.kind === 'timed' ? [{ schedule, milliseconds: outcome.milliseconds }] : [],
    )
    .sort((a, b) => a.milliseconds - b.milliseconds);
  const isBetter = fastest !== undefined && fastest.milliseconds <= worthwhile * total;
  return {
    stage,
    kernels: nodes.map(({ node, size }) => kernelOf(stage, node, size, work)),
    plannedMilliseconds: total,
    candidates,
    ...(isBetter && { best: fastest.schedule }),
    bestMilliseconds: isBetter ? fastest.milliseconds : total,
  };
}

const sum = (all: readonly Planned[]) =>
  all.reduce((total, { stageNode, milliseconds }) => total + stageNode.count * milliseconds, 0);

function kernelOf(stage: ScheduledStage, node: StageNode['node'], size: StageNode['size'], work: Work): string {
  const { dispatches } = dispatchesOf(work.module, { node, size, count: 1 }, work.profile);
  const found = dispatches.find(({ plan }) => plan.stage === stage);
  return found === undefined ? stage : kernelName(found.plan);
}

async function runPlanned(stageNode: StageNode, work: Work): Promise<Planned> {
  const { dispatches } = dispatchesOf(work.module, stageNode, work.profile);
  const trial = await NodeTrial.create(work.options.device, setupOf(stageNode, work));
  try {
    const outputs = await trial.outputs();
    const own = dispatches.map(({ plan }) => agreement[arithmeticOf(plan)]).reduce(looser, agreement.f32);
    const milliseconds = await timeOf(trial, work.options);
    return { stageNode, key: keyOf(dispatches), outputs, agreement: own, milliseconds };
  } finally {
    trial.dispose();
  }
}

const keyOf = (dispatches: ReturnType<typeof dispatchesOf>['dispatches']) =>
  JSON.stringify(dispatches.map(({ plan, grid }) => [plan, grid]));

/** Nodes that the schedule does not fit keep what was planned for them. */
async function tryCandidate(
  stage: ScheduledStage,
  planned: readonly Planned[],
  tried: Set<string>,
  work: Work,
): Promise<Outcome> {
  const plans = planned.map((one) => ({ one, ...dispatchesOf(work.module, one.stageNode, work.profile) }));
  const fitting = plans.filter(({ dispatches }) => dispatches.some(({ plan }) => plan.stage === stage));
  if (fitting.length === 0) {
    const reasons = plans.flatMap(({ program }) => program.rejected.map(({ reason }) => reason));
    return { kind: 'unfit', reason: reasons[0] ?? 'another form serves' };
  }
  const key = plans.map(({ dispatches }) => keyOf(dispatches)).join();
  if (tried.has(key)) return { kind: 'same' };
  tried.add(key);
  if (performance.now() > work.deadline) return { kind: 'untried' };
  let milliseconds = 0;
  for (const { one } of plans) {
    if (!fitting.some((fit) => fit.one === one)) {
      milliseconds += one.stageNode.count * one.milliseconds;
      continue;
    }
    const outcome = await tryOn(stage, one, work);
    if (outcome.kind !== 'timed') return outcome;
    milliseconds += one.stageNode.count * outcome.milliseconds;
  }
  return { kind: 'timed', milliseconds };
}

async function tryOn(stage: ScheduledStage, planned: Planned, work: Work): Promise<Outcome> {
  const { dispatches } = dispatchesOf(work.module, planned.stageNode, work.profile);
  const own = dispatches.find(({ plan }) => plan.stage === stage);
  const allowed = looser(agreement[own === undefined ? 'f32' : arithmeticOf(own.plan)], planned.agreement);
  try {
    const trial = await NodeTrial.create(work.options.device, setupOf(planned.stageNode, work));
    try {
      const difference = worst(await trial.outputs(), planned);
      if (!isWithin(difference, allowed)) return { kind: 'wrong', difference };
      return { kind: 'timed', milliseconds: await timeOf(trial, work.options) };
    } finally {
      trial.dispose();
    }
  } catch (error) {
    // The device's compiler may refuse what its limits allow; another candidate will do.
    if (error instanceof Error && error.name !== 'DeviceLostError') return { kind: 'refused', reason: error.message };
    throw error;
  }
}

/** How far two schedules may be apart: each of them by as much as its kernel may be from the exact result. */
const agreement: Readonly<Record<Arithmetic, Difference>> = {
  f32: { relativeL2: 4e-5, worstRow: 2e-4 },
  matrix: { relativeL2: 1e-3, worstRow: 2e-3 },
  f16: { relativeL2: 5e-3, worstRow: 1e-2 },
};

/** Where one of two is of f16, they may be as far apart as that allows. */
const looser = (a: Difference, b: Difference): Difference => (a.worstRow >= b.worstRow ? a : b);

function worst(outputs: ReadonlyMap<string, Float32Array>, { outputs: reference, stageNode }: Planned): Difference {
  const widths = new Map(usesOf(stageNode.node).map(({ tensor, width }) => [tensor, width]));
  const differences = [...reference].map(([name, values]) =>
    compareRows(outputs.get(name) ?? [], values, widths.get(name) ?? 1),
  );
  return {
    worstRow: Math.max(...differences.map(({ worstRow }) => worstRow)),
    relativeL2: Math.max(...differences.map(({ relativeL2 }) => relativeL2)),
  };
}

function setupOf({ node, size }: StageNode, { shaped, module, profile, options }: Work): TrialSetup {
  const setup = { shaped, module, node, profile, size };
  if (size.tokens > 1 || options.cacheBytes === 0) return { ...setup, copies: 1 };
  const { program, dispatches } = dispatchesOf(module, { node, size, count: 1 }, profile);
  const bytes = trafficOf(dispatches, module, program, callOf(module, size)).reduce((all, { read }) => all + read, 1);
  return { ...setup, copies: Math.min(mostCopies, Math.ceil((3 * options.cacheBytes) / bytes)) };
}

const mostCopies = 16;
/** Of a pass that is timed: what begins and ends it is lost in so much. */
const passMilliseconds = 10;

async function timeOf(trial: NodeTrial, { stopwatch }: TuneOptions): Promise<number> {
  const record = (pass: GPUComputePassEncoder, repetition: number) => trial.record(pass, repetition);
  const { least } = await stopwatch.time(record, { repetitions: 1, passes: 1 });
  const repetitions = Math.max(1, Math.min(256, Math.round(passMilliseconds / Math.max(least, 1e-3))));
  return (await stopwatch.time(record, { repetitions, passes: 3 })).median;
}
