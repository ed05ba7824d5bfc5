import { describe, expect, it } from 'vitest';
import { checkAttention, checkText, codesOf, only, textAt } from '../frontend/helpers.ts';

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
