import type { ScheduledStage, ScheduleOf } from '../compiler/plan/profiles/schedule-candidates.ts';
import { nearestFirst } from './candidate-order.ts';
import type { NodeVariant } from './node-variant.ts';
import { SpecTrials, type StageWork, type TrialOptions } from './spec-trials.ts';
import { bestOf, millisecondsOf, type Outcome, type SpecReport, type StageReport, type Tried } from './tune-report.ts';

export interface StageOptions extends TrialOptions {
  /** Of `performance.now()`: what is left then is not tried. */
  readonly deadline: number;
  readonly onCandidate?: (tried: number, count: number) => void;
}

/** A schedule that was not tried yet, with what it makes of each spec's nodes. */
interface Waiting<Stage extends ScheduledStage> {
  readonly schedule: ScheduleOf<Stage>;
  readonly variants: readonly (readonly NodeVariant[])[];
}

/** Tries the schedules on all workloads, those first that are close to the best so far. Throws the signal's reason when it is aborted. */
export async function tuneStage<Stage extends ScheduledStage>(
  stage: Stage,
  schedules: readonly ScheduleOf<Stage>[],
  works: readonly StageWork[],
  options: StageOptions,
): Promise<StageReport<Stage>> {
  const specs: SpecTrials[] = [];
  for (const work of works) specs.push(await SpecTrials.open(stage, work, options));
  const planned = specs.map(({ plannedMilliseconds }) => plannedMilliseconds);
  const all = schedules.map((schedule): Waiting<Stage> => {
    const profile = { ...options.profile, schedules: { [stage]: [schedule] } };
    return { schedule, variants: specs.map((spec) => spec.variants(profile)) };
  });
  const asPlanned = all.find(({ variants }) => specs[0]?.isPlanned(variants[0] ?? []))?.schedule;
  const tried: Tried<Stage>[] = [];
  let waiting: readonly Waiting<Stage>[] = all;
  while (waiting.length > 0) {
    options.signal.throwIfAborted();
    options.onCandidate?.(tried.length, schedules.length);
    const isLate = performance.now() > options.deadline;
    const [next, ...others] = nearestFirst(waiting, bestOf(tried, planned) ?? asPlanned);
    if (next === undefined) break;
    const outcomes: Outcome[] = [];
    for (const [index, spec] of specs.entries()) {
      if (!isLate) compileAhead(specs, [next, ...others], options);
      outcomes.push(await spec.try(next.variants[index] ?? [], isLate));
    }
    tried.push({ schedule: next.schedule, outcomes });
    waiting = others;
  }
  const best = bestOf(tried, planned);
  return {
    stage,
    specs: specs.map((spec, index) => specReport(spec, tried, index, best)),
    candidates: tried,
    ...(best && { best }),
  };
}

function compileAhead<Stage extends ScheduledStage>(
  specs: readonly SpecTrials[],
  waiting: readonly Waiting<Stage>[],
  { compiling }: StageOptions,
): void {
  for (const { variants } of waiting) {
    for (const [index, spec] of specs.entries()) {
      if (compiling.isFull) return;
      spec.compile(variants[index] ?? []);
    }
  }
}

function specReport<Stage extends ScheduledStage>(
  { name, kernels, plannedMilliseconds }: SpecTrials,
  tried: readonly Tried<Stage>[],
  index: number,
  best: ScheduleOf<Stage> | undefined,
): SpecReport {
  const timeOf = ({ outcomes }: Tried<Stage>) => {
    const outcome = outcomes[index];
    return (outcome && millisecondsOf(outcome, plannedMilliseconds)) ?? Number.POSITIVE_INFINITY;
  };
  const chosen = tried.find(({ schedule }) => schedule === best);
  return {
    name,
    kernels,
    plannedMilliseconds,
    bestMilliseconds: chosen === undefined ? plannedMilliseconds : timeOf(chosen),
    leastMilliseconds: Math.min(plannedMilliseconds, ...tried.map(timeOf)),
  };
}
