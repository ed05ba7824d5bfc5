import { latentCandidates } from '../attention/latent-plans.ts';
import { matrixCandidates } from '../attention/matrix-plans.ts';
import { splitCandidates } from '../attention/split-plans.ts';
import { tileCandidates } from '../attention/tile-plans.ts';
import { productCandidates } from '../linear/plans.ts';
import { rowCandidates } from '../linear/row-plans.ts';
import type { Schedules, TargetProfile } from './profiles.ts';

export type ScheduledStage = keyof Schedules;
export type ScheduleOf<Stage extends ScheduledStage> = NonNullable<Schedules[Stage]>[number];

export type Candidates = { readonly [Stage in ScheduledStage]?: readonly ScheduleOf<Stage>[] };

/** Schedules that are worth a try on a device that nobody has measured, by stage. A profile in a file takes its schedules from these. */
export const scheduleCandidates: Required<Candidates> = {
  attention_latent: latentCandidates,
  attention_matrix: matrixCandidates,
  attention_split_subgroups: splitCandidates,
  attention_tile: tileCandidates,
  linear_matrix: productCandidates,
  linear_row: rowCandidates,
};

export const scheduledStages = Object.keys(scheduleCandidates) as readonly ScheduledStage[];

/**
 * Schedules that code gives need not be candidates, but are made of the same fields: a plan would compute with what is missing.
 * @throws Error
 */
export function requireWholeSchedules({ id, schedules = {} }: TargetProfile): void {
  for (const stage of scheduledStages) {
    const like = Object.entries(scheduleCandidates[stage][0] ?? {});
    for (const schedule of schedules[stage] ?? []) {
      const fields = new Map<string, unknown>(Object.entries(schedule));
      const broken = like.find(([name, value]) => !isFieldLike(value, fields.get(name)));
      if (broken) throw new Error(`profile ${id}: \`${broken[0]}\` is missing or wrong in a schedule of ${stage}`);
    }
  }
}

const isFieldLike = (known: unknown, given: unknown): boolean =>
  typeof known === 'number' ? Number.isSafeInteger(given) && Number(given) > 0 : typeof given === typeof known;

/** Such as `subgroups 4, rowBlocks 2, tileKeys 16`. */
export const scheduleText = (schedule: object): string =>
  Object.entries(schedule)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** Whether two schedules leave nothing open between them. */
export const isSameSchedule = (a: object, b: object): boolean => {
  const entries = Object.entries(a);
  const others = new Map(Object.entries(b));
  return entries.length === others.size && entries.every(([name, value]) => others.get(name) === value);
};
