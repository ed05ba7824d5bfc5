import { expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkText } from './helpers.ts';

/** One line for each option; every two of them are legal together but for those in `reported`. */
const lines = {
  grouped: 'kv_heads: 2',
  one: 'one_kv_head: true',
  order: 'group_order: interleaved',
  valueDim: 'value_dim: 6',
  l2: 'similarity: l2',
  scale: 'scale: 0.3',
  norm: 'qk_norm: { kind: l2, groups: 2, memory: true }',
  norms: 'qk_norm: [{ kind: l2, weight: per_head, memory: true }, { kind: rms, q: false, memory: false }]',
  valueNorm: 'value_norm: { weight: per_head }',
  rope: 'rope: { dim: 8 }',
  someRope: 'rope: { heads: 2 }',
  alibi: 'alibi: 2',
  t5: 't5_bias: {}',
  memory: 'memory_kv: { slots: 2 }',
  zero: 'zero_kv: true',
  causal: 'mask: { causal: true }',
  window: 'mask: { causal: true, window: 8 }',
  chunk: 'mask: { causal: true, chunk: 8, prefix: 2 }',
  documents: 'mask: { documents: true }',
  padding: 'mask: { padding: keys_and_queries }',
  sinks: 'sinks: true',
  softcap: 'softcap: 20',
  score: 'score: "select(is_memory | is_zero, s, s - alibi_slope(h) * abs(q - k))"',
  where: 'mask: { where: "q - k < 8" }',
  bias: 'bias: { batch: true }',
  mixing: 'head_mixing: [pre, post, pre_scale_post]',
  sigmoid: 'normalizer: sigmoid',
  topk: 'normalizer: { kind: topk, k: 3 }',
  headGates: 'gates: { head_scale: true, head: true }',
  valueGate: 'gates: { value: silu, output_glu: true }',
  biases: 'biases: [q, k, v, o]',
  cross: 'cross: 48',
  split: 'inputs: split_qkv',
  f16: 'cache: { dtype: f16 }',
  active: 'heads: { active: [0, 3] }',
  paged: 'cache: { kind: paged, page_size: 4 }',
} as const;

type Name = keyof typeof lines;

/** `a+b`: the only code that the two may raise. */
const reported: Readonly<Record<string, string>> = {
  'grouped+one': 'GQA002',
  'grouped+someRope': 'ROPE004',
  'one+someRope': 'ROPE004',
  'alibi+t5': 'POS001',
  'alibi+softcap': 'CAP001',
  't5+softcap': 'CAP001',
  'softcap+bias': 'CAP001',
  'alibi+score': 'EXP007',
  't5+score': 'EXP007',
  'softcap+score': 'EXP007',
  'score+bias': 'EXP007',
  'memory+window': 'MEM005',
  'zero+window': 'MEM005',
  'padding+biases': 'SCH004',
  'cross+paged': 'SCH004',
  'mixing+active': 'SCH004',
  'sinks+sigmoid': 'OPT002',
  'headGates+split': 'SCH004',
  'valueGate+split': 'SCH004',
  ...Object.fromEntries(
    ['rope', 'someRope', 'alibi', 't5', 'causal', 'window', 'chunk', 'documents', 'padding'].map((name) => [
      `${name}+cross`,
      'XAT001',
    ]),
  ),
};

const names = Object.keys(lines) as Name[];
const keyOf = (name: Name) => lines[name].split(':')[0];
const pairs = names.flatMap((a, index) => names.slice(index + 1).map((b) => [a, b] as const));

test('every pair of options is accepted, or refused by the one rule that says why', () => {
  let checked = 0;
  for (const [a, b] of pairs) {
    if (keyOf(a) === keyOf(b)) continue;
    // A norm that speaks of memory without memory is a warning of its own.
    const [first, second] = [a, b].map((name) =>
      name.startsWith('norm') && ![a, b].includes('memory')
        ? lines[name].replaceAll(/, memory: \w+/g, '')
        : lines[name],
    );
    const { diagnostics, shaped } = checkText(
      attention('hidden: 64', 'q_heads: 4', 'head_dim: 16', first ?? '', second ?? ''),
    );
    const expected = reported[`${a}+${b}`];
    const codes = [...new Set(diagnostics.map(({ code }) => code))];
    expect(codes, `${a}+${b}`).toEqual(expected === undefined ? [] : [expected]);
    expect(shaped !== undefined, `${a}+${b}`).toBe(expected === undefined || expected === 'OPT002');
    checked += 1;
  }
  expect(checked).toBeGreaterThan(380);
});
