import type { Schedules } from '../compiler/plan/profiles/profiles.ts';
import type { ScheduledStage, ScheduleOf } from '../compiler/plan/profiles/schedule-candidates.ts';
import type { Difference } from '../verify/compare.ts';

/** What became of a schedule in one spec. `milliseconds` is the sum over all nodes that it serves there. */
export type Outcome =
  /** `isRough`: so slow that one short pass was enough. */
  | { readonly kind: 'timed'; readonly milliseconds: number; readonly isRough?: true }
  | { readonly kind: 'wrong'; readonly difference: Difference }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unfit'; readonly reason: string }
  /** The kernels of the plan, or of another schedule. */
  | { readonly kind: 'same'; readonly as: Outcome }
  | { readonly kind: 'untried' };

export interface StageReport<Stage extends ScheduledStage = ScheduledStage> {
  readonly stage: Stage;
  readonly specs: readonly SpecReport[];
  /** Each with what became of it in each of the specs. */
  readonly candidates: readonly Tried<Stage>[];
  /** Absent where nothing is faster for all specs than what was planned, by more than times differ anyway. */
  readonly best?: ScheduleOf<Stage>;
}

export interface Tried<Stage extends ScheduledStage> {
  readonly schedule: ScheduleOf<Stage>;
  readonly outcomes: readonly Outcome[];
}

/** A stage in one spec. */
export interface SpecReport {
  readonly name: string;
  /** Kernels as they were planned. */
  readonly kernels: readonly string[];
  /** Of what the planner chose by itself, all nodes together. */
  readonly plannedMilliseconds: number;
  /** Of the schedule that is best for all specs, or of what was planned. */
  readonly bestMilliseconds: number;
  /** Of the fastest schedule for this spec, be it what was planned. */
  readonly leastMilliseconds: number;
}

/** What a spec takes with the schedule; undefined where that is not known, or where it must not be taken. */
export function millisecondsOf(outcome: Outcome, planned: number): number | undefined {
  if (outcome.kind === 'timed') return outcome.isRough ? undefined : outcome.milliseconds;
  if (outcome.kind === 'same') return millisecondsOf(outcome.as, planned);
  return outcome.kind === 'unfit' ? planned : undefined;
}

/** A schedule has to take this share of the planned time or less, or the plan stays. */
const worthwhile = 0.98;
/** Of the planned time of any one spec: a profile serves all that it was tuned for. */
const mostOfAny = 1.02;

/** The schedule with the least geometric mean of its shares of the planned times, if it is worthwhile. */
export function bestOf<Stage extends ScheduledStage>(
  candidates: readonly Tried<Stage>[],
  planned: readonly number[],
): ScheduleOf<Stage> | undefined {
  const ranked = candidates.flatMap(({ schedule, outcomes }) => {
    const shares = planned.map((time, index) => {
      const outcome = outcomes[index];
      return ((outcome && millisecondsOf(outcome, time)) ?? Number.POSITIVE_INFINITY) / time;
    });
    return Math.max(...shares) <= mostOfAny ? [{ schedule, share: geometricMean(shares) }] : [];
  });
  const [best] = ranked.sort((a, b) => a.share - b.share);
  return best !== undefined && best.share <= worthwhile ? best.schedule : undefined;
}

const geometricMean = (numbers: readonly number[]) =>
  Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);

/** How many candidates there were of each kind: what is worst in any of the specs says what became of one. */
export function countsOf(candidates: readonly Tried<ScheduledStage>[]): Readonly<Record<string, number>> {
  const kinds = candidates.map(({ outcomes }) =>
    gravest.find((kind) => outcomes.some((outcome) => outcome.kind === kind)),
  );
  const counted = gravest.map((kind) => [kind, kinds.filter((one) => one === kind).length] as const);
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}

const gravest = ['wrong', 'untried', 'refused', 'timed', 'unfit', 'same'] as const;

/** The schedules of a profile: what was found to be faster than the plan. */
export function schedulesOf(reports: readonly StageReport[]): Schedules {
  return Object.fromEntries(reports.flatMap(({ stage, best }) => (best === undefined ? [] : [[stage, [best]]])));
}
