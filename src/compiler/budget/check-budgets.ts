import type { ShapedSpec } from '../check/shaped-spec.ts';
import { note } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import { lower } from '../ir/lower.ts';
import type { TargetProfile } from '../plan/profiles/profiles.ts';
import { planProgram } from '../plan/program.ts';
import type { Span } from '../source/source.ts';
import { type Breach, breachesOf } from './breaches.ts';

/**
 * Does what a spec becomes run on these targets? Plans each of them and reports TGT001 … TGT005: of kernels or tensors that go too
 * far for one reason the one that goes farthest, once for all layers and targets that are alike.
 */
export function checkBudgets(targets: readonly TargetProfile[], shaped: ShapedSpec, report: Report): void {
  const module = lower(shaped);
  const groups = new Map<string, Group>();
  for (const profile of targets) {
    for (const breach of breachesOf(shaped, module, planProgram(module, profile))) {
      const places = placesOf(breach, shaped);
      const key = JSON.stringify([breach.code, breach.limit, places[0]?.span.start]);
      const group = groups.get(key) ?? { places, breaches: new Map(), targets: new Set() };
      groups.set(key, group);
      group.breaches.set(breach.what, breach);
      group.targets.add(profile.id);
    }
  }
  for (const group of groups.values()) reportGroup(group, shaped, report);
}

/** Breaches of one limit that one option would mend. */
interface Group {
  readonly places: readonly Place[];
  /** By kernel or tensor. */
  readonly breaches: Map<string, Breach>;
  readonly targets: Set<string>;
}

interface Place {
  readonly option: string;
  readonly span: Span;
}

/** The options that are written, among those that it grows with. */
function placesOf({ options, layer }: Breach, { spanOf }: ShapedSpec): readonly Place[] {
  return options.flatMap((option) => {
    const span = spanOf(option, layer);
    return span === undefined ? [] : [{ option, span }];
  });
}

function reportGroup({ places, breaches, targets }: Group, { spanOf, model }: ShapedSpec, report: Report): void {
  const [farthest, ...others] = [...breaches.values()].sort((a, b) => b.need - a.need);
  const [place, ...more] = places;
  const span = place?.span ?? spanOf('attention.q_heads') ?? spanOf('name');
  if (farthest === undefined || span === undefined) throw new Error('a breach is of a spec that was checked');
  const { code, what, need, limit } = farthest;
  const fits = Math.min(...[farthest, ...others].map((one) => one.fittingContext ?? Number.POSITIVE_INFINITY));
  const context = model === undefined || !Number.isFinite(fits) ? {} : { context: { is: model.context, fits } };
  const args = { what, more: others.length, targets: [...targets], need, limit, option: place?.option, ...context };
  report(
    code,
    span,
    args,
    more.map((one) => note(one.span, code === 'TGT003' ? 'this takes one too' : `it grows with \`${one.option}\` too`)),
  );
}
