import type { CallSizes } from '../compiler/facts/cost-report.ts';
import { inUnits } from '../compiler/facts/units.ts';
import { scheduleText } from '../compiler/plan/schedule-candidates.ts';
import type { Outcome, StageReport } from '../tune/tune-module.ts';

const time = (milliseconds: number) => inUnits(milliseconds * 1e6, 1000, ['ns', 'µs', 'ms', 's']);

/** What became of every candidate, the fastest of a stage first. */
export function tuneTable(
  reports: readonly StageReport[],
  facts: { readonly adapter: string; readonly timedBy: string } & CallSizes,
): string {
  const lines = [
    facts.adapter,
    `a prompt of ${facts.tokens} tokens, a token on ${facts.keys} keys, timed by ${facts.timedBy}`,
    ...reports.flatMap(stageLines),
    ...(reports.length === 0 ? ['', 'no kernel of this spec has a schedule on this adapter'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function stageLines({ stage, kernels, plannedMilliseconds, candidates, best, bestMilliseconds }: StageReport) {
  const percent = Math.round((100 * bestMilliseconds) / plannedMilliseconds);
  const found = best === undefined ? 'stays as planned' : `${scheduleText(best)}: ${percent} % of the planned time`;
  const sorted = [...candidates].sort((a, b) => rank(a.outcome) - rank(b.outcome));
  return [
    '',
    `${stage} (${kernels.join(', ')}): ${found}`,
    `  ${time(plannedMilliseconds).padStart(8)}  as planned`,
    ...sorted.map(
      ({ schedule, outcome }) => `  ${outcomeText(outcome).padStart(8)}  ${scheduleText(schedule)}${because(outcome)}`,
    ),
  ];
}

const rank = (outcome: Outcome) => (outcome.kind === 'timed' ? outcome.milliseconds : Number.MAX_VALUE);

function outcomeText(outcome: Outcome): string {
  return outcome.kind === 'timed' ? time(outcome.milliseconds) : outcome.kind;
}

function because(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'wrong':
      return `: its worst row is ${outcome.difference.worstRow.toExponential(1)} from the planned one’s`;
    case 'refused':
    case 'unfit':
      return `: ${outcome.reason}`;
    case 'same':
      return ': the same kernels as another';
    case 'untried':
      return ': the time was up';
    case 'timed':
      return '';
  }
}
