import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OptionNode } from '../../grammar/option.ts';
import { options } from '../../grammar/options.ts';
import type { EntryLayout, ItemLayout, Layout, MapLayout } from '../../src/compiler/syntax/layout.ts';
import { printDslLayout } from '../../src/compiler/syntax/print-dsl.ts';
import { printYamlLayout } from '../../src/compiler/syntax/print-yaml.ts';
import type { Syntax } from '../../src/compiler/syntax/syntaxes.ts';
import { exampleNames, exampleSpec } from '../frontend/helpers.ts';
import { caseId, findCases } from '../golden/cases.ts';
import { prepareCase } from '../golden/prepare.ts';
import { commentsOf, format, parse } from './helpers.ts';

const print = { yaml: printYamlLayout, dsl: printDslLayout };

/** What a layout says, without its comments. */
function plainOf(layout: Layout): unknown {
  if (layout.kind === 'scalar') return layout.value;
  if (layout.kind === 'list') return layout.items.map(({ value }) => plainOf(value));
  const plain: Record<string, unknown> = Object.create(null);
  for (const { key, value } of layout.entries) plain[key] = plainOf(value);
  return plain;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter((one) => !one.includes('#')),
  fc.constantFrom(
    'true',
    'False',
    'null',
    '~',
    '1e6',
    '-',
    '',
    'a b',
    'layers.{i}.w',
    'x.{2*i+1}[0:5]',
    '{a}',
    '[b]',
    'k: v',
    'é',
  ),
);
const scalar = fc
  .oneof(
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
  )
  .map((value): Layout => ({ kind: 'scalar', value }));

const comment = fc.stringMatching(/^# [a-z]{1,8}$/);
const remarks = fc.record({
  before: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    fc.array(fc.oneof(comment, fc.constant('')), { maxLength: 3 }),
  ),
  after: fc.option(comment, { nil: undefined, freq: 5 }),
});
const interior = fc.record({
  head: fc.option(comment, { nil: undefined, freq: 6 }),
  end: fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, fc.array(comment, { maxLength: 2 })),
});

function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}

const item = (value: fc.Arbitrary<Layout>): fc.Arbitrary<ItemLayout> =>
  fc.tuple(value, remarks).map(([one, around]) => present({ value: one, ...around }) as ItemLayout);

function mapOf(entries: fc.Arbitrary<readonly EntryLayout[]>): fc.Arbitrary<MapLayout> {
  return fc.tuple(entries, interior).map(([found, around]) => {
    const unique = [...new Map(found.map((one) => [one.key, one])).values()];
    // An empty map has no room for comments.
    return (
      unique.length === 0 ? { kind: 'map', entries: [], end: [] } : present({ kind: 'map', entries: unique, ...around })
    ) as MapLayout;
  });
}

function listOf(value: fc.Arbitrary<Layout>): fc.Arbitrary<Layout> {
  return fc.tuple(fc.array(item(value), { maxLength: 4 }), interior).map(([items, around]) => {
    return (
      items.length === 0 ? { kind: 'list', items, end: [] } : present({ kind: 'list', items, ...around })
    ) as Layout;
  });
}

const key = fc.oneof(
  text,
  fc.constantFrom('model', 'attention', 'mask', 'causal', 'sinks', 'weights', 'names', '__proto__'),
);

/** Any tree at all. */
const anything = fc.letrec<{ value: Layout; map: MapLayout }>((tie) => ({
  value: fc.oneof({ maxDepth: 4, depthSize: 'small' }, scalar, listOf(tie('value')), tie('map')),
  map: mapOf(
    fc.array(
      fc.tuple(key, item(tie('value'))).map(([name, one]) => ({ key: name, ...one })),
      { maxLength: 5 },
    ),
  ),
})).map;

/** A tree of known options with values of their kinds. */
function optionValue(option: OptionNode): fc.Arbitrary<Layout> {
  const one = (values: fc.Arbitrary<string | number | boolean>) =>
    values.map((value): Layout => ({ kind: 'scalar', value }));
  switch (option.kind) {
    case 'map': {
      const map = optionMap(option.entries);
      return option.maxItems === undefined ? map : fc.oneof(map, listOf(map));
    }
    case 'integer':
      return one(fc.integer({ min: option.min, max: option.max }));
    case 'number':
      return one(fc.double({ min: 1e-9, max: 1e9, noNaN: true }));
    case 'boolean':
      return one(fc.boolean());
    case 'enum':
      return one(fc.constantFrom(...option.values));
    case 'list':
      return listOf(one(fc.constantFrom(...option.values)));
    case 'integers':
      return listOf(one(fc.integer({ min: option.min, max: option.max })));
    case 'names':
      return mapOf(
        fc.array(
          fc
            .tuple(fc.constantFrom('layers.{i}.q', 'embed.weight'), item(scalar))
            .map(([name, value]) => ({ key: name, ...value })),
          { maxLength: 2 },
        ),
      );
    case 'text':
      return one(fc.constantFrom('abc', 'model.safetensors'));
    case 'numbers':
      return listOf(one(fc.double({ min: 1e-9, max: 1e9, noNaN: true })));
    case 'expression':
      return one(fc.constantFrom('q - k < 128 | is_memory', 'softcap(s, 50) - slope[h] * (q - k)', 'is # none', ' '));
    case 'axes':
      return listOf(one(fc.constantFrom(...option.names, 257)));
    case 'declarations':
      return mapOf(
        fc.array(
          fc
            .tuple(fc.constantFrom('slope', 'table'), item(optionValue(option.of)))
            .map(([name, value]) => ({ key: name, ...value })),
          { maxLength: 2 },
        ),
      );
    case 'words':
      return option.orOne
        ? fc.oneof(one(fc.constant('sliding')), listOf(one(fc.constantFrom('sliding', 'full'))))
        : listOf(one(fc.constantFrom('sliding', 'full')));
    case 'overrides':
      return mapOf(
        fc.array(
          fc
            .tuple(fc.constantFrom('sliding', 'full'), item(optionValue(option.of)))
            .map(([name, value]) => ({ key: name, ...value })),
          { maxLength: 1 },
        ),
      );
  }
}

function optionMap(entries: Readonly<Record<string, OptionNode>>): fc.Arbitrary<MapLayout> {
  const parts = Object.entries(entries).map(([name, option]) => {
    return fc.option(
      item(optionValue(option)).map((value): EntryLayout => ({ key: name, ...value })),
      { freq: 2, nil: undefined },
    );
  });
  return mapOf(fc.tuple(...parts).chain((found) => fc.shuffledSubarray(found.filter((one) => one !== undefined))));
}

const nonEmpty = (map: MapLayout) => map.entries.length > 0;
const trees = fc.oneof(anything, optionMap(options.entries)).filter(nonEmpty);

describe.each(['yaml', 'dsl'] as const)('%s', (syntax: Syntax) => {
  const other = syntax === 'yaml' ? 'dsl' : 'yaml';

  test('what is printed reads as the same tree', () => {
    fc.assert(
      fc.property(trees, (layout) => {
        const { plain, codes } = parse(print[syntax](layout), syntax);
        expect(codes).toEqual([]);
        expect(plain).toEqual(plainOf(layout));
      }),
      { numRuns: 500 },
    );
  });

  test('formatting keeps every comment, there and back, and is idempotent', async () => {
    await fc.assert(
      fc.asyncProperty(trees, async (layout) => {
        const first = print[syntax](layout);
        const once = await format(first, syntax);
        expect(await format(once, syntax)).toBe(once);
        expect(commentsOf(once)).toEqual(commentsOf(first));
        const there = await format(once, syntax, other);
        expect(await format(there, other)).toBe(there);
        const back = await format(there, other, syntax);
        expect(commentsOf(back)).toEqual(commentsOf(first));
        expect(parse(back, syntax).plain).toEqual(plainOf(layout));
      }),
      { numRuns: 500 },
    );
  });
});

test.each(exampleNames)('%s is in canonical form, and comes back from the DSL', async (name) => {
  const yaml = exampleSpec(name);
  expect(await format(yaml, 'yaml')).toBe(yaml);
  const dsl = await format(yaml, 'yaml', 'dsl');
  expect(parse(dsl).plain).toEqual(parse(yaml, 'yaml').plain);
  expect(await format(dsl, 'dsl', 'yaml')).toBe(yaml);
});

const goldenCases = await findCases(fileURLToPath(new URL('../golden/cases', import.meta.url)));

test.each(goldenCases.map((found) => [caseId(found), found] as const))(
  'the spec of %s comes back from the DSL',
  async (_, found) => {
    const { spec } = await prepareCase(found, 'f32');
    expect(await format(spec, 'yaml')).toBe(spec);
    expect(await format(await format(spec, 'yaml', 'dsl'), 'dsl', 'yaml')).toBe(spec);
  },
);
