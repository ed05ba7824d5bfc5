import { describe, expect, it } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { applyFix, checkAttention, checkText, codesOf, only } from '../frontend/helpers.ts';

const block = (mask: string, cache: string, ...more: readonly string[]) =>
  checkAttention('hidden: 64', 'q_heads: 4', 'kv_heads: 2', `mask: { ${mask} }`, `cache: { ${cache} }`, ...more);
const decoder = (mask: string, cache: string, more = '') =>
  checkText(
    `gqac: 1\nname: m\nmodel: { vocab: 9, hidden: 64, layers: 2, context: 32 }\nattention: { q_heads: 4, mask: { ${mask} }, cache: { ${cache} } }\nmlp: { activation: silu, width: 8 }\n${more}`,
  );
const layout = ({ shaped }: ReturnType<typeof checkText>) => shaped?.layers[0]?.attention.cacheLayout;

describe('a ring', () => {
  it.each([
    ['causal: true, window: 8', 'kind: ring', { rows: 263, longestCall: 256 }],
    ['causal: true, window: 8', 'kind: ring, prefill_chunk: 4', { rows: 11, longestCall: 4 }],
    ['causal: true, window: 8', 'kind: ring, capacity: 20', { rows: 20, longestCall: 13 }],
    ['causal: true, chunk: 8', 'kind: ring, capacity: 8', { rows: 8, longestCall: 1 }],
    ['causal: true, chunk: 9, window: 8', 'kind: ring, capacity: 8', { rows: 8, longestCall: 1 }],
  ])('with %s and %s has the rows that it needs', (mask, cache, expected) => {
    const result = block(mask, cache);
    expect(result.diagnostics).toEqual([]);
    expect(layout(result)).toEqual({ kind: 'ring', ...expected });
  });

  it('of a model is not longer than the context makes it', () => {
    expect(layout(decoder('causal: true, window: 8', 'kind: ring'))).toEqual({
      kind: 'ring',
      rows: 39,
      longestCall: 32,
    });
  });

  it('that is too small is WIN003, and its fix is enough', () => {
    const lines = [
      'hidden: 64',
      'q_heads: 4',
      'mask: { causal: true, window: 8 }',
      'cache: { kind: ring, capacity: 7 }',
    ];
    const found = only(checkAttention(...lines));
    expect(found.code).toBe('WIN003');
    expect(found.message).toBe('a ring of 7 rows does not hold the 8 keys that a query sees through a call of 1 token');
    expect(codesOf(checkText(applyFix(attention(...lines), found)))).toEqual([]);
  });

  it.each([
    ['causal: true', 'kind: ring'],
    ['causal: true, window: 8, prefix: 2', 'kind: ring'],
  ])('has no place with %s', (mask, cache) => {
    expect(codesOf(block(mask, cache))).toEqual(['SCH004']);
  });

  it('has no place in a model that reads a text at once', () => {
    expect(codesOf(decoder('window: 8', 'kind: ring'))).toEqual(['SCH004']);
  });
});

describe('pages', () => {
  it('are of a power of two positions', () => {
    expect(layout(block('causal: true', 'kind: paged'))).toEqual({ kind: 'paged', pageSize: 16 });
    expect(codesOf(block('causal: true', 'kind: paged, page_size: 24'))).toEqual(['SCH002']);
  });

  it('are of one size in all layers', () => {
    const kinds = (size: number) =>
      `layers: { kinds: { a: {}, b: { attention: { cache: { page_size: ${size} } } } }, pattern: [a, b] }\n`;
    expect(codesOf(decoder('causal: true', 'kind: paged', kinds(16)))).toEqual([]);
    expect(codesOf(decoder('causal: true', 'kind: paged', kinds(8)))).toEqual(['SCH004']);
  });
});

describe('a cache', () => {
  it('of int8 has its scales from the module itself', () => {
    expect(codesOf(checkAttention('q_heads: 4', 'head_dim: 8', 'cache: { dtype: int8 }'))).toEqual(['SCH004']);
    expect(codesOf(checkAttention('hidden: 32', 'q_heads: 4', 'cache: { dtype: int8 }'))).toEqual([]);
  });

  it.each(['capacity: 8', 'prefill_chunk: 8', 'page_size: 8', 'kind: paged, capacity: 8'])(
    '%s has no effect',
    (cache) => {
      expect(codesOf(block('causal: true', cache))).toEqual(['OPT002']);
    },
  );

  it('has the KV heads of its layer', () => {
    expect(codesOf(block('causal: true', 'heads: 2'))).toEqual([]);
    expect(codesOf(block('causal: true', 'heads: 4'))).toEqual(['KVC001']);
    const kinds = 'layers: { kinds: { a: {}, b: { attention: { kv_heads: 2 } } }, pattern: [a, b] }\n';
    expect(codesOf(decoder('causal: true', 'heads: 4', kinds))).toEqual(['KVC001']);
  });

  it('of given heads is the app’s', () => {
    expect(codesOf(checkAttention('q_heads: 4', 'head_dim: 8', 'cache: { kind: paged }'))).toEqual(['SCH004']);
  });
});
