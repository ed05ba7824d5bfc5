import { expect, test } from 'vitest';
import type { Stage } from '../../grammar/option.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { type PrintableSpec, printYaml } from '../../src/compiler/syntax/print.ts';
import { type Leaf, leaves, valuesOf, withOption } from './values.ts';
import { closerLooks, variants } from './variants.ts';

/** What a pass makes of a spec; what the runtime reads is the definition, as what is emitted. */
type Outputs = Readonly<Record<Exclude<Stage, 'check'>, string>>;
type Outcome =
  | { readonly kind: 'reported'; readonly codes: readonly string[] }
  | { readonly kind: 'silent'; readonly outputs: Outputs };

/** What comes of a spec: what is said about it, or else everything that is made of it. */
function outcomeOf(spec: PrintableSpec): Outcome {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: printYaml(spec) });
  if (shaped === undefined || diagnostics.length > 0)
    return { kind: 'reported', codes: diagnostics.map(({ code }) => code) };
  const { module, programs, definition } = compileModule(shaped, [profiles.baseline, profiles.matrix]);
  const emit = JSON.stringify([definition, shaped.weightsFile]);
  const lower = JSON.stringify([module.nodes, [...module.tensors]]);
  return { kind: 'silent', outputs: { lower, plan: JSON.stringify(programs), emit, runtime: emit } };
}

/** Passes whose output an option has been seen to change. */
const changed = new Map<string, Set<Stage>>();

/** Whether some value of an option changes nothing. */
function isIgnored(spec: PrintableSpec, { path, option }: Leaf): boolean {
  const outcomes = valuesOf({ path, option }).map((value) => outcomeOf(withOption(spec, path, value)));
  const silent = outcomes.flatMap((outcome) => (outcome.kind === 'silent' ? [outcome.outputs] : []));
  const seen = changed.get(path.join('.')) ?? new Set();
  changed.set(path.join('.'), seen);
  for (const stage of ['lower', 'plan', 'emit', 'runtime'] as const)
    if (new Set(silent.map((outputs) => outputs[stage])).size > 1) seen.add(stage);
  return new Set(silent.map(({ emit }) => emit)).size < silent.length;
}

test.each(variants)('no option is silently ignored: %s', { timeout: 60_000 }, (_, spec) => {
  expect(outcomeOf(spec).kind).toBe('silent');
  const ignored = leaves().filter((leaf) => isIgnored(spec, leaf));
  expect(ignored.map(({ path }) => path.join('.'))).toEqual([]);
});

test.each(closerLooks)('nor where it needs others beside it: %s', { timeout: 60_000 }, (around, spec) => {
  expect(outcomeOf(spec)).toMatchObject({ kind: 'silent' });
  const own = leaves().filter(({ path }) => `${path.join('.')}.`.startsWith(`${around}.`));
  const ignored = own.filter((leaf) => isIgnored(spec, leaf));
  expect(ignored.map(({ path }) => path.join('.'))).toEqual([]);
});

test('each option is consumed by the pass that the table names; the others are only compared', () => {
  const wrong = leaves().flatMap(({ path, option }) => {
    const name = path.join('.');
    const seen = changed.get(name) ?? new Set();
    const isSo = option.consumedBy === 'check' ? seen.size === 0 : seen.has(option.consumedBy);
    // A single value cannot be changed: its map is there or not.
    return isSo || valuesOf({ path, option }).length < 2 ? [] : [`${name}: ${option.consumedBy}, seen ${[...seen]}`];
  });
  expect(wrong).toEqual([]);
});
