import { expect, test } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { profiles } from '../../src/compiler/plan/profiles.ts';
import { type PrintableSpec, printYaml } from '../../src/compiler/syntax/print.ts';
import { leaves, valuesOf, withOption } from './values.ts';
import { variants } from './variants.ts';

type Outcome =
  | { readonly kind: 'reported'; readonly codes: readonly string[] }
  | { readonly kind: 'silent'; readonly module: string };

/** What comes of a spec: what is said about it, or else everything that is made of it. */
function outcomeOf(spec: PrintableSpec): Outcome {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: printYaml(spec) });
  if (shaped === undefined || diagnostics.length > 0)
    return { kind: 'reported', codes: diagnostics.map(({ code }) => code) };
  const { definition } = compileModule(shaped, [profiles.baseline]);
  return { kind: 'silent', module: JSON.stringify([definition, shaped.weightsFile]) };
}

test.each(variants)('no option is silently ignored: %s', { timeout: 60_000 }, (_, spec) => {
  expect(outcomeOf(spec).kind).toBe('silent');
  const ignored: string[] = [];
  for (const leaf of leaves()) {
    const values = valuesOf(leaf);
    const outcomes = values.map((value) => outcomeOf(withOption(spec, leaf.path, value)));
    const silent = outcomes.flatMap((outcome) => (outcome.kind === 'silent' ? [outcome.module] : []));
    if (new Set(silent).size < silent.length) ignored.push(leaf.path.join('.'));
  }
  expect(ignored).toEqual([]);
});
