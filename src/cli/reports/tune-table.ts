import { durationText } from '../../compiler/facts/units.ts';
import { scheduleText } from '../../compiler/plan/profiles/schedule-candidates.ts';
import { countsOf, type Outcome, type SpecReport, type StageReport } from '../../tune/tune-report.ts';

const time = (milliseconds: number) => durationText(milliseconds / 1e3);
const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`;

export interface TuneFacts {
  readonly adapter: string;
  readonly timedBy: string;
  readonly seconds: number;
}

/** What became of every candidate, the fastest of a stage first. */
export function tuneTable(reports: readonly StageReport[], { adapter, timedBy, seconds }: TuneFacts): string {
  const lines = [
    adapter,
    `timed by ${timedBy}, in ${seconds.toFixed(1)} s`,
    ...reports.flatMap(stageLines),
    ...(reports.length === 0 ? ['', 'no kernel of this spec has a schedule on this adapter'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function stageLines({ stage, specs, candidates, best }: StageReport): readonly string[] {
  const found = best === undefined ? 'stays as planned' : scheduleText(best);
  const sorted = [...candidates].sort((a, b) => rank(a.outcomes) - rank(b.outcomes));
  const row = (cells: readonly string[], rest: string) =>
    `  ${cells.map((cell) => cell.padStart(8)).join('  ')}  ${rest}`;
  return [
    '',
    `${stage}: ${found}`,
    ...specs.map((spec) => `  ${specLine(spec)}`),
    `  ${countsText(countsOf(candidates))}`,
    row(
      specs.map(({ plannedMilliseconds }) => time(plannedMilliseconds)),
      'as planned',
    ),
    ...sorted.map(({ schedule, outcomes }) =>
      row(outcomes.map(outcomeText), `${scheduleText(schedule)}${reasonOf(outcomes)}`),
    ),
  ];
}

function specLine({ name, kernels, plannedMilliseconds, bestMilliseconds, leastMilliseconds }: SpecReport): string {
  const chosen = percent(bestMilliseconds, plannedMilliseconds);
  return `${name} (${kernels.join(', ')}): ${chosen} of the planned time, the fastest ${percent(leastMilliseconds, plannedMilliseconds)}`;
}

/** Such as `18 candidates: 1 untried, 14 timed, 3 same`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const each = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  return `${all} candidates: ${each.join(', ')}`;
}

const rank = (outcomes: readonly Outcome[]) =>
  outcomes.reduce((sum, outcome) => sum + (outcome.kind === 'timed' ? Math.log(outcome.milliseconds) : unknownRank), 0);
/** More than the logarithm of any time. */
const unknownRank = 1e3;

function outcomeText(outcome: Outcome): string {
  if (outcome.kind !== 'timed') return outcome.kind;
  return `${outcome.isRough ? '~' : ''}${time(outcome.milliseconds)}`;
}

function reasonOf(outcomes: readonly Outcome[]): string {
  const [reason] = outcomes.flatMap(because);
  return reason === undefined ? '' : `: ${reason}`;
}

function because(outcome: Outcome): readonly string[] {
  switch (outcome.kind) {
    case 'wrong':
      return [`its worst row is ${outcome.difference.worstRow.toExponential(1)} from the planned one’s`];
    case 'refused':
    case 'unfit':
      return [outcome.reason];
    case 'untried':
      return ['the time was up'];
    case 'same':
    case 'timed':
      return [];
  }
}
