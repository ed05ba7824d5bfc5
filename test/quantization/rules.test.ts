import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { weightBytes } from '../../src/compiler/plan/summary.ts';
import { checkText } from '../frontend/helpers.ts';

const codesOf = (text: string) => checkText(text).diagnostics.map(({ code }) => code);

const block = (weights: string, widths = 'hidden: 64, q_heads: 4, head_dim: 16') =>
  `gqac: 1\nname: x\nattention: { ${widths} }\nweights: ${weights}\n`;

describe('weights.group', () => {
  it('is said to be without effect beside floating point', () => {
    expect(codesOf(block('{ dtype: f16, group: 64 }'))).toEqual(['OPT002']);
    expect(codesOf(block('{ group: 64 }'))).toEqual(['OPT002']);
  });

  it('divides the rows of every matrix: the help lists what does', () => {
    const { diagnostics } = checkText(block('{ dtype: int8, group: 64 }', 'hidden: 128, q_heads: 3, head_dim: 32'));
    expect(diagnostics.map(({ code, message, help }) => [code, message, help])).toEqual([
      ['WGT014', 'groups of 64 do not divide the rows of `attn.o.weight`, which have 96 entries', 'use 32'],
    ]);
    expect(diagnostics[0]?.fixes?.map(({ title }) => title)).toEqual(['use group 32']);
  });

  it('is one of three', () => {
    const { diagnostics } = checkText(block('{ dtype: int8, group: 48 }', 'hidden: 192, q_heads: 3, head_dim: 64'));
    expect(diagnostics.map(({ help }) => help)).toEqual(['use 32 or 64']);
  });

  it('that does not exist is replaced by a precision', () => {
    const { diagnostics } = checkText(block('{ dtype: int4 }', 'hidden: 50, q_heads: 1, head_dim: 64'));
    expect(diagnostics.map(({ code, help }) => [code, help])).toEqual([
      ['WGT014', 'no group of 32, 64 or 128 divides the rows of all matrices: write `dtype: f16`'],
    ]);
  });
});

describe('weights.embeddings', () => {
  const model = (vocab: string, weights: string) =>
    `gqac: 1
name: x
model: { vocab: 40, hidden: 64, layers: 1, context: 16, ${vocab} }
attention: { q_heads: 2, mask: { causal: true } }
mlp: { kind: plain, activation: relu, width: 32 }
weights: ${weights}
`;
  const quantized = (text: string) =>
    (checkText(text).shaped?.weights ?? []).filter((one) => one.quantization !== undefined).map(({ name }) => name);

  it('makes integers of the table of tokens, tied or not, and of no other table', () => {
    const added = (vocab: string) => {
      const without = quantized(model(vocab, '{ dtype: int8 }'));
      const asked = quantized(model(vocab, '{ dtype: int8, embeddings: quantized }'));
      return asked.filter((name) => !without.includes(name));
    };
    expect(added('tie_embeddings: true')).toEqual(['embed.weight']);
    expect(added('positions: { kind: learned }, token_types: 2')).toEqual(['embed.weight']);
  });

  it('is said to be without effect beside floating point, and without a table', () => {
    expect(codesOf(model('tie_embeddings: true', '{ dtype: f16, embeddings: quantized }'))).toEqual(['OPT002']);
    expect(codesOf(block('{ dtype: int8, embeddings: quantized }'))).toEqual(['OPT002']);
  });

  it('asks for groups that divide the rows of the table', () => {
    const narrow = model('embedding_width: 48, tie_embeddings: true', '{ dtype: int8, embeddings: quantized }');
    expect(codesOf(narrow)).toContain('WGT014');
  });
});

it('integers without a matrix are said to be without effect', () => {
  expect(codesOf('gqac: 1\nname: x\nattention: { q_heads: 4, head_dim: 16 }\nweights: { dtype: int4 }\n')).toEqual([
    'OPT002',
  ]);
});

it('tables, routers and gates of heads stay as they are', () => {
  const text = `gqac: 1
name: x
model: { vocab: 40, hidden: 64, layers: 1, context: 16, positions: { kind: learned } }
attention: { q_heads: 2, gates: { head: true, value: silu }, mask: { causal: true } }
mlp: { kind: plain, activation: relu, width: 32, experts: { count: 4, active: 2 } }
weights: { dtype: int4 }
`;
  const weights = checkText(text).shaped?.weights ?? [];
  const names = (isQuantized: boolean) =>
    weights
      .filter(({ role, quantization }) => role === 'matrix' && (quantization !== undefined) === isQuantized)
      .map(({ name }) => name.replace('layers.0.', ''));
  expect(names(false)).toEqual(['embed.weight', 'positions.weight', 'attn.head_gate.weight', 'mlp.router.weight']);
  expect(names(true)).toEqual([
    ...['q', 'k', 'v', 'value_gate', 'o'].map((name) => `attn.${name}.weight`),
    ...['up', 'down'].map((name) => `mlp.experts.${name}.weight`),
    'head.weight',
  ]);
});

it.each([
  ['expanded', true],
  ['latent', false],
])('the matrix that expands %s rows is quantised: %s', (cache, isQuantized) => {
  const { shaped } = checkText(`gqac: 1
name: x
attention:
  hidden: 64
  q_heads: 2
  mla: { kv_rank: 32, nope_dim: 16, rope_dim: 16, value_dim: 32, cache: ${cache} }
  rope: {}
  mask: { causal: true }
weights: { dtype: int8 }
`);
  const weight = shaped?.weights.find(({ name }) => name === 'attn.kv_b.weight');
  expect(weight).toBeDefined();
  expect(weight?.quantization !== undefined).toBe(isQuantized);
});

it.each([
  ['{ dtype: f16 }', 2 * 4 * 64 * 64],
  ['{ dtype: int8 }', 4 * (64 * 64 + 2 * 128)],
  ['{ dtype: int4, group: 64 }', 4 * ((64 * 64) / 2 + 2 * 64)],
])('four matrices of 64 × 64 as %s take %d bytes', (weights, bytes) => {
  const { shaped } = checkText(block(weights));
  expect(shaped && weightBytes(lower(shaped))).toBe(bytes);
});
