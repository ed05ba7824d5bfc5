import { describe, expect, it } from 'vitest';
import type { MaskShape } from '../../src/compiler/check/shaped-spec.ts';
import { createOracle, type OracleCall } from '../../src/compiler/oracle/oracle.ts';
import { attention, causal, given, unmasked } from '../oracle/attention-node.ts';
import { moduleOf } from '../oracle/module.ts';

/** Which keys each query sees, as text: with equal logits, key j's value is 2^j and the output times their number is the sum of what is seen. */
function seen(mask: MaskShape, tokens: number, call: OracleCall & { readonly documents?: readonly number[] } = {}) {
  const { documents, ...lengths } = call;
  const inputs = new Map([
    ['q', { data: new Array<number>(tokens).fill(0), shape: [1, tokens, 1, 1] }],
    ['k', { data: new Array<number>(6).fill(0), shape: [1, 6, 1, 1] }],
    ['v', { data: [1, 2, 4, 8, 16, 32], shape: [1, 6, 1, 1] }],
    ...(documents ? [['documents', { data: documents, shape: [1, 6] }] as const] : []),
  ]);
  const node = attention({ mask, ...(documents && { documents: 'documents' }) });
  const module = moduleOf([node], { ...given, inputs: [...given.inputs, ...(documents ? ['documents'] : [])] });
  const oracle = createOracle(module, new Map(), { batch: 1, capacity: 0 });
  const out = [...(oracle.forward({ inputs, ...lengths }).get('out')?.data ?? [])];
  return out.map((mean) => {
    const subsets = Array.from({ length: 64 }, (_, bits) => [...'012345'].filter((_, j) => (bits >> j) & 1));
    const sum = (keys: readonly string[]) => keys.reduce((total, j) => total + 2 ** Number(j), 0);
    return subsets.find((keys) => Math.abs(sum(keys) / Math.max(1, keys.length) - mean) < 1e-9)?.join('');
  });
}

describe('chunk', () => {
  it('leaves keys of the own chunk, up to the query when causal', () => {
    expect(seen({ ...causal, chunk: 4 }, 6)).toEqual(['0', '01', '012', '0123', '4', '45']);
    expect(seen({ ...unmasked, chunk: 4 }, 6)).toEqual(['0123', '0123', '0123', '0123', '45', '45']);
  });

  it('of queries before the first key is empty', () => {
    expect(seen({ ...unmasked, chunk: 4 }, 7)[0]).toBe('');
  });
});

describe('prefix', () => {
  it('is seen by queries within it and before it', () => {
    expect(seen({ ...causal, prefix: 3 }, 6)).toEqual(['012', '012', '012', '0123', '01234', '012345']);
  });

  it('stays in sight of a window and of other chunks', () => {
    expect(seen({ ...causal, window: 2, prefix: 1 }, 6)).toEqual(['0', '01', '012', '023', '034', '045']);
    expect(seen({ ...unmasked, chunk: 2, prefix: 1 }, 6)).toEqual(['01', '01', '023', '023', '045', '045']);
  });

  it('is as long as the call says', () => {
    expect(seen({ ...causal, prefix: 'runtime' }, 3, { prefix: [5] })).toEqual(['01234', '01234', '012345']);
    expect(seen({ ...causal, prefix: 'runtime' }, 3)).toEqual(['0123', '01234', '012345']);
  });

  it('ends where the keys end', () => {
    expect(seen({ ...causal, prefix: 5 }, 2, { keyCounts: [3] })).toEqual(['012', '012']);
  });
});

describe('documents', () => {
  const documents = [7, 7, 7, 9, 9, 7];

  it('see themselves only', () => {
    const mask = { ...causal, documents: true };
    expect(seen(mask, 6, { documents })).toEqual(['0', '01', '012', '3', '34', '0125']);
    expect(seen({ ...mask, causal: false }, 3, { documents })).toEqual(['34', '34', '0125']);
  });

  it('have no token before the first key', () => {
    expect(seen({ ...unmasked, documents: true }, 7, { documents })[0]).toBe('');
  });
});
