import { inUnits } from '../compiler/facts/units.ts';
import { scheduleText } from '../compiler/plan/schedule-candidates.ts';
import type { Outcome, SpecReport, StageReport } from '../tune/tune-report.ts';

const time = (milliseconds: number) => inUnits(milliseconds * 1e6, 1000, ['ns', 'µs', 'ms', 's']);
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
    `  ${countsOf(candidates.map(({ outcomes }) => summaryOf(outcomes)))}`,
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

/** Such as `18 candidates: 14 timed, 2 same, 1 refused, 1 untried`. */
function countsOf(kinds: readonly string[]): string {
  const each = [...new Set(kinds)].map((kind) => `${kinds.filter((one) => one === kind).length} ${kind}`);
  return `${kinds.length} candidates: ${each.join(', ')}`;
}

/** What is worst of all specs says what became of a candidate. */
function summaryOf(outcomes: readonly Outcome[]): Outcome['kind'] {
  const order = ['wrong', 'untried', 'refused', 'timed', 'unfit', 'same'] as const;
  return order.find((kind) => outcomes.some((outcome) => outcome.kind === kind)) ?? 'untried';
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
