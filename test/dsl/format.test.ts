import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { root } from '../frontend/helpers.ts';
import { format } from './helpers.ts';

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;

const written = lines(
  '# my spec',
  '',
  '',
  'gqac 1 name demo',
  'attention { # heads',
  '  q_heads 8 head_dim 64',
  '',
  '  # memory of keys',
  '  memory_kv 4 mask { causal window 128, memory always }',
  '  qk_norm [ { kind rms unit_offset # why',
  '   } "l2" ]',
  '  biases [q k]   ',
  '  # last in attention',
  '} # end',
  '# tail',
);

const canonical = lines(
  '# my spec',
  '',
  'gqac 1',
  'name demo',
  'attention { # heads',
  '  q_heads 8',
  '  head_dim 64',
  '',
  '  # memory of keys',
  '  memory_kv 4',
  '  mask { causal, window 128, memory always }',
  '  qk_norm [',
  '    {',
  '      kind rms',
  '      unit_offset # why',
  '    }',
  '    l2',
  '  ]',
  '  biases [q, k]',
  '  # last in attention',
  '} # end',
  '# tail',
);

const yaml = lines(
  '# my spec',
  '',
  'gqac: 1',
  'name: demo',
  '# end',
  'attention: # heads',
  '  q_heads: 8',
  '  head_dim: 64',
  '',
  '  # memory of keys',
  '  memory_kv: 4',
  '  mask: { causal: true, window: 128, memory: always }',
  '  qk_norm:',
  '    - kind: rms',
  '      unit_offset: true # why',
  '    - l2',
  '  biases: [q, k]',
  '  # last in attention',
  '# tail',
);

describe('canonical form', () => {
  test('of the DSL', async () => {
    expect(await format(written, 'dsl')).toBe(canonical);
    expect(await format(canonical, 'dsl')).toBe(canonical);
  });

  test('as YAML, with every comment', async () => {
    expect(await format(written, 'dsl', 'yaml')).toBe(yaml);
    expect(await format(yaml, 'yaml')).toBe(yaml);
  });

  test.each([
    ['a:   1   # x\n', 'a: 1 # x\n'],
    ["a: 'it''s'\nb: 'q'\n", 'a: "it\'s"\nb: q\n'],
    ['a: 1000000\nb: 0x10\nc: 1.50\nd: -0.0\n', 'a: 1e6\nb: 16\nc: 1.5\nd: -0\n'],
    ['model: {vocab: 65, hidden: 8}\n', 'model:\n  vocab: 65\n  hidden: 8\n'],
    ['mlp:\n  kind: gated\n\n  width: 8\n', 'mlp: { kind: gated, width: 8 }\n'],
    ['mlp:\n  # why\n  kind: gated\n', 'mlp:\n  # why\n  kind: gated\n'],
    ['mlp: # why\n  kind: gated\n', 'mlp: # why\n  kind: gated\n'],
    ['mlp: {kind: gated, # why\n  width: 8}\n', 'mlp:\n  kind: gated # why\n  width: 8\n'],
    ['a: # why\n  1\n', '# why\na: 1\n'],
    ['a: [1, # one\n  2]\n', 'a:\n  - 1 # one\n  - 2\n'],
    ['a: [] # none\nb: { # nothing\n  }\n', 'a: [] # none\n# nothing\nb: {}\n'],
    [
      'mlp:\n  kind: plain\n  # in the mlp\n# outside\nname: a\n',
      'mlp:\n  kind: plain\n  # in the mlp\n# outside\nname: a\n',
    ],
    ['a: |\n  # no comment\n  text\n', 'a: "# no comment\\ntext\\n"\n'],
    ['%YAML 1.2\n---\na: ~\n...\n', 'a: null\n'],
    ['a: x\r\n# c\r\nb: y\r\n', 'a: x\n# c\nb: y\n'],
    [
      `a: { ${Array.from({ length: 30 }, (_, at) => `key${at}: ${at}`).join(', ')} }\n`,
      `a:\n${Array.from({ length: 30 }, (_, at) => `  key${at}: ${at}\n`).join('')}`,
    ],
  ])('%j', async (text, expected) => {
    expect(await format(text, 'yaml')).toBe(expected);
    expect(await format(expected, 'yaml')).toBe(expected);
  });

  test('a flag before a quoted key keeps its true, and a string after a flag its quotes', async () => {
    const text = 'attention: { sinks: true, "a b": 1, zero_kv: "yes", one_kv_head: true, q_heads: 8 }\n';
    const dsl = await format(text, 'yaml', 'dsl');
    expect(dsl).toBe(
      lines('attention {', '  sinks true', '  "a b" 1', '  zero_kv "yes"', '  one_kv_head', '  q_heads 8', '}'),
    );
    expect(await format(dsl, 'dsl', 'yaml')).toBe(
      lines('attention:', '  sinks: true', '  "a b": 1', '  zero_kv: yes', '  one_kv_head: true', '  q_heads: 8'),
    );
  });
});

test('the page shows twins that are clean', async () => {
  const page = readFileSync(`${root}docs/dsl.md`, 'utf8');
  const [dsl = '', twin = ''] = [...page.matchAll(/```(?:yaml)?\n(gqac:? 1\n[^`]*)```/g)].map(([, text]) => text);
  expect(await format(dsl, 'dsl')).toBe(dsl);
  expect(await format(dsl, 'dsl', 'yaml')).toBe(twin);
  expect(checkSpec({ path: 'spec.yaml', text: twin }).diagnostics).toEqual([]);
});

test('anchors are not written out behind the author’s back', async () => {
  const text = 'a: &x { b: 1 }\nc: *x\n';
  await expect(format(text, 'yaml')).rejects.toThrow('refused');
});

test.each(['a: 1\na: 2\n', 'a: [\n', 'a: 1e400\n'])('%j is left as it is', async (text) => {
  await expect(format(text, 'yaml')).rejects.toThrow('malformed');
});
