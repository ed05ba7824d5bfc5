import { describe, expect, test } from 'vitest';
import { cacheBytesPerToken } from '../../src/compiler/plan/summary.ts';
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
      latent: { qRank: 10, kvRank: 9, nopeDim: 6, ropeDim: 4, normEps: 1e-6, bias: false, cache: 'expanded' },
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

  test('caches latent rows, and makes no keys and values of heads then', () => {
    const latent = 'q_rank: 10, kv_rank: 9, nope_dim: 6, rope_dim: 4, value_dim: 5, cache: latent';
    const { shaped, diagnostics } = check(blockOf('zero_kv: true', latent));
    expect(diagnostics).toEqual([]);
    expect(shaped && cacheBytesPerToken(shaped)).toBe(4 * 16);
    for (const option of [
      'memory_kv: 2',
      'similarity: l2',
      'cache: { heads: 3 }',
      'cache: { dtype: int8 }',
      'hooks: [k]',
      'hooks: [rot_q]',
    ])
      expect(codesOf(check(blockOf(option, latent))), option).toEqual(['SCH004']);
  });

  test('has biases where the rows are made', () => {
    const { shaped } = check(
      blockOf('biases: [o]', 'q_rank: 10, kv_rank: 9, nope_dim: 6, rope_dim: 4, value_dim: 5, bias: true'),
    );
    const names = shaped?.weights.map(({ name }) => name).filter((name) => name.endsWith('.bias'));
    expect(names).toEqual(['attn.q_a.bias', 'attn.kv_a.bias', 'attn.o.bias']);
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
