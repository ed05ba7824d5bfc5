import { describe, expect, test } from 'vitest';
import { checkText, codesOf, only } from '../frontend/helpers.ts';
import { blockOf } from './specs.ts';

const check = (text: string) => checkText(`gqac: 1\nname: latent\n${text}`);

describe('attention.mla', () => {
  test('makes the widths of heads, and the place that turns', () => {
    const { shaped, diagnostics } = check(blockOf('rope: { base: 100, pairing: interleaved }'));
    expect(diagnostics).toEqual([]);
    expect(shaped?.layers[0]?.attention).toMatchObject({
      heads: { qHeads: 3, kvHeads: 3 },
      headDim: 10,
      valueDim: 5,
      latent: { qRank: 10, kvRank: 9, nopeDim: 6, ropeDim: 4, normEps: 1e-6 },
      rope: { dim: 4, firstEntry: 6, pairing: 'interleaved' },
      scale: 10 ** -0.5,
    });
    expect(Object.fromEntries(shaped?.weights.map(({ name, shape }) => [name, shape]) ?? [])).toEqual({
      'attn.q_a.weight': [10, 14],
      'attn.q_a_norm.weight': [10],
      'attn.q_b.weight': [30, 10],
      'attn.kv_a.weight': [13, 14],
      'attn.kv_a_norm.weight': [9],
      'attn.kv_b.weight': [33, 9],
      'attn.o.weight': [14, 15],
    });
  });

  test('widths and heads may be written beside it, when they are the same', () => {
    expect(codesOf(check(blockOf('head_dim: 10, value_dim: 5, kv_heads: 3')))).toEqual([]);
    expect(codesOf(check(blockOf('head_dim: 12, value_dim: 6')))).toEqual(['DIM002', 'DIM002']);
    expect(only(check(blockOf('kv_heads: 1'))).message).toContain('a KV head for each query head');
  });

  test.each([
    ['qk_norm: { kind: rms }'],
    ['biases: [q, o]'],
    ['rope: { dim: 4 }'],
    ['clip_qkv: 3'],
    ['value_norm: rms'],
  ])('%s is refused', (option) => {
    expect(codesOf(check(blockOf(option)))).toEqual(['SCH004']);
  });

  test('an odd width cannot turn, and given heads are not made', () => {
    const odd = blockOf('rope: {}', 'kv_rank: 4, nope_dim: 4, rope_dim: 3, value_dim: 4');
    expect(codesOf(check(odd))).toEqual(['ROPE001']);
    expect(codesOf(check(blockOf('softcap: 3').replace('hidden: 14', 'head_dim: 10')))).toEqual(['SCH004']);
    expect(codesOf(check(blockOf('softcap: 3', 'kv_rank: 4, nope_dim: 4, rope_dim: 4')))).toEqual(['SCH003']);
  });
});
