import { describe, expect, it } from 'vitest';
import { attention as attentionSpec } from '../../src/compiler/diagnostics/entry.ts';
import { applyFix, checkAttention, checkText, codesOf, only, textAt } from '../frontend/helpers.ts';

const attention = ['q_heads: 4', 'head_dim: 16'];
const withMask = (mask: string, ...more: readonly string[]) =>
  checkAttention(...attention, `mask: { ${mask} }`, ...more);
const decoder = (mask: string) =>
  checkText(
    `gqac: 1\nname: m\nmodel: { vocab: 9, hidden: 64, layers: 1, context: 32 }\nattention: { q_heads: 4, mask: { ${mask} } }\nmlp: { activation: silu, width: 8 }\n`,
  );

describe('masks in a spec', () => {
  it('are resolved', () => {
    const { shaped, diagnostics } = withMask('causal: true, chunk: 8, prefix: runtime');
    expect(diagnostics).toEqual([]);
    expect(shaped?.layers[0]?.attention.mask).toMatchObject({ chunk: 8, prefix: 'runtime', documents: false });
    expect(withMask('documents: true').shaped?.layers[0]?.attention.mask.documents).toBe(true);
    expect(decoder('causal: true, chunk: 8, prefix: 3').diagnostics).toEqual([]);
  });

  it.each([
    ['prefix: 3', 'OPT002'],
    ['causal: true, chunk: 8, window: 8', 'OPT002'],
    ['causal: true, documents: true, prefix: 3', 'SCH004'],
    ['causal: true, prefix: all', 'SCH002'],
    ['chunk: 0', 'SCH002'],
  ])('%s is %s', (mask, code) => {
    expect(codesOf(withMask(mask))).toEqual([code]);
  });

  it('of a model are those that tokens alone decide', () => {
    expect(codesOf(decoder('causal: true, documents: true'))).toEqual(['SCH004']);
    expect(codesOf(decoder('causal: true, chunk: 32'))).toEqual(['OPT002']);
    expect(codesOf(decoder('causal: true, prefix: runtime'))).toEqual([]);
  });

  it.each(['chunk: 8', 'prefix: 3', 'documents: true'])('%s is none of cross-attention', (mask) => {
    const found = only(checkAttention('hidden: 64', ...attention, `mask: { ${mask} }`, 'cross: 48'));
    expect(found.code).toBe('XAT001');
    expect(textAt(found)).toBe(mask.split(':')[0]);
  });
});

describe('words of other systems', () => {
  const fixed = (...lines: readonly string[]) => {
    const found = only(checkAttention(...lines));
    expect(found.code).toBe('WIN001');
    return checkText(applyFix(attentionSpec(...lines), found)).shaped?.layers[0]?.attention.mask;
  };

  it('become a window of one key more, wherever they stand', () => {
    expect(fixed(...attention, 'mask: { causal: true, window_left: 7 }')).toMatchObject({ causal: true, window: 8 });
    expect(fixed(...attention, 'max_attend_past: 0')).toMatchObject({ window: 1 });
    expect(fixed(...attention, 'max_attend_past: 7', 'mask: { causal: true }')).toMatchObject({
      causal: true,
      window: 8,
    });
  });

  it.each([
    ['mask: { window: 4, window_left: 7 }', 'WIN001'],
    ['mask: { window_left: all }', 'WIN001'],
    ['mask: { lengths: 7 }', 'SCH001'],
    ['precision: f16', 'SCH002'],
  ])('%s is %s without a fix', (line, code) => {
    const found = only(checkAttention(...attention, line));
    expect(found.code).toBe(code);
    expect(found.fixes).toEqual([]);
    expect(found.help).toMatch(/^(write|lengths are)/);
  });
});

describe('the order of groups', () => {
  const spec = (order: string, name: string) =>
    checkText(
      `gqac: 1\nname: m\nattention: { hidden: 64, q_heads: 4, kv_heads: ${order} }\nweights: { names: { attn.k.weight: ${name} } }\n`,
    );

  it('is asked for where the weights have names of x-transformers', () => {
    expect(codesOf(spec('2', 'to_k.weight'))).toEqual(['GQA003']);
    expect(codesOf(spec('2', 'layers.0.1.to_k.weight'))).toEqual(['GQA003']);
    expect(codesOf(spec('2, group_order: blocked', 'to_k.weight'))).toEqual([]);
    for (const one of ['1', '4']) expect(codesOf(spec(one, 'to_k.weight'))).toEqual([]);
    expect(codesOf(spec('2', 'k_proj.weight'))).toEqual([]);
  });
});
