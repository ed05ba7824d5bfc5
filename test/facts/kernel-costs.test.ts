import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { costReport, usualSizes } from '../../src/compiler/facts/cost-report.ts';
import { devices } from '../../src/compiler/facts/devices.ts';
import { type CallSize, floorOf, kernelCosts } from '../../src/compiler/facts/kernel-costs.ts';
import { keysSeen, visiblePairs } from '../../src/compiler/facts/visible-keys.ts';
import type { AttentionNode } from '../../src/compiler/ir/nodes.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { shapedOf } from '../numeric/harness.ts';

function costsOf(yaml: string, size: CallSize, profile: keyof typeof profiles = 'baseline') {
  const { module, programs } = compileModule(shapedOf(yaml), [profiles[profile]]);
  const [program] = programs;
  if (program === undefined) throw new Error('one target, one program');
  const costs = kernelCosts(module, program, size);
  return (stage: string) => {
    const found = costs.filter(({ kernel }) => kernel.startsWith(stage));
    expect(found.length).toBeLessThan(2);
    return found[0];
  };
}

describe('costs of kernels', () => {
  it('counts the causal half of a prompt, and every tensor once', () => {
    const of = costsOf('attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { causal: true } }', {
      batch: 1,
      tokens: 10,
      keys: 10,
    });
    expect(of('attention_tile')).toMatchObject({
      dispatches: 1,
      // 55 pairs, 4 heads, 8 + 8 entries.
      flops: 2 * 55 * 4 * 16,
      // q, and k and v of f32.
      bytesRead: 4 * (10 * 4 * 8 + 2 * 10 * 2 * 8),
      bytesWritten: 4 * 10 * 4 * 8,
      arithmetic: 'f32',
    });
  });

  it('reads the keys of a window only, half as many bytes in f16, and passes partial results on', () => {
    const of = costsOf(
      'attention: { q_heads: 4, kv_heads: 2, head_dim: 8, cache: { dtype: f16 }, mask: { causal: true, window: 100 } }',
      { batch: 1, tokens: 1, keys: 1000 },
      'f16',
    );
    // 1,000 keys in parts of 128: 8 parts of 4 heads, 8 entries and two sums each.
    const partials = 8 * 4 * (8 + 2) * 4;
    expect(of('attention_split')).toMatchObject({
      bytesRead: 4 * 4 * 8 + 2 * 2 * 100 * 2 * 8,
      bytesWritten: partials,
      flops: 2 * 100 * 4 * 16,
    });
    expect(of('attention_combine')).toMatchObject({ bytesRead: partials, bytesWritten: 4 * 4 * 8, flops: 0 });
  });

  it('takes the weights of a model once a call, whatever the prompt, and logits of one row', () => {
    const model = `model: { vocab: 50, hidden: 16, layers: 3, context: 64, norm: { kind: rms } }
attention: { q_heads: 2, kv_heads: 1, head_dim: 8, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 24 }`;
    const of = costsOf(model, { batch: 1, tokens: 20, keys: 20 });
    expect(of('linear_tile_16x24_gated')).toMatchObject({
      dispatches: 3,
      flops: 3 * 2 * 20 * 16 * 24 * 2,
      bytesRead: 3 * 4 * (20 * 16 + 2 * 16 * 24),
      bytesWritten: 3 * 4 * 20 * 24,
    });
    // The sum is read and written.
    expect(of('linear_tile_24x16_add')).toMatchObject({
      bytesRead: 3 * 4 * (20 * 24 + 24 * 16 + 20 * 16),
      bytesWritten: 3 * 4 * 20 * 16,
    });
    // The norm before it is computed on the way: its weights are read, its rows are not written.
    expect(of('linear_row_16x50_normed_logits')).toMatchObject({
      flops: 2 * 16 * 50,
      bytesRead: 4 * (16 + 16 + 16 * 50),
      bytesWritten: 4 * 50,
    });
    expect(of('embed')).toMatchObject({ bytesRead: 4 * (20 + 20 * 16), bytesWritten: 4 * 20 * 16 });
    // 16 entries of queries, 8 of key and value for each of 20 tokens are written; the rest of the cache stays.
    expect(of('append')).toMatchObject({ bytesRead: 3 * 4 * 20 * 32, bytesWritten: 3 * 4 * 20 * 32 });
  });

  it('reads the experts that were chosen', () => {
    const model = `model: { vocab: 50, hidden: 16, layers: 1, context: 64, norm: { kind: rms } }
attention: { q_heads: 2, kv_heads: 1, head_dim: 8, mask: { causal: true } }
mlp: { kind: plain, activation: gelu, width: 24, experts: { count: 8, active: 2 } }`;
    const of = costsOf(model, { batch: 1, tokens: 1, keys: 5 });
    expect(of('experts_up')).toMatchObject({ bytesRead: 4 * (16 + 2 + 2 * 24 * 16), flops: 2 * 2 * 16 * 24 });
  });

  it('redoes nothing in the matrix form, which multiplies by matrices', () => {
    const of = costsOf(
      'attention: { q_heads: 4, kv_heads: 2, head_dim: 16, cache: { dtype: f16 }, mask: { causal: true } }',
      { batch: 1, tokens: 64, keys: 64 },
      'matrix',
    );
    expect(of('attention_matrix_h4')).toMatchObject({ arithmetic: 'matrix', flops: 2 * 2080 * 4 * 32 });
    expect(of('attention_matrix_maximum_h4')).toMatchObject({ flops: 0, bytesWritten: 0 });
  });

  it('passes partial results on where columns are dealt out, and nothing where they are not', () => {
    const yaml = 'attention: { q_heads: 4, kv_heads: 2, head_dim: 16, cache: { dtype: f16 }, mask: { causal: true } }';
    const whole = costsOf(yaml, { batch: 1, tokens: 64, keys: 64 }, 'matrix');
    // q of f32; k and v of f16.
    expect(whole('attention_matrix_h4')).toMatchObject({
      bytesRead: 64 * (4 * 4 * 16 + 2 * 2 * 2 * 16),
      bytesWritten: 64 * 4 * 4 * 16 + 4 * 2,
    });
    expect(whole('attention_join')).toBeUndefined();
    const dealt = costsOf(yaml, { batch: 1, tokens: 64, keys: 4096 }, 'matrix');
    expect(dealt('attention_join')?.bytesRead).toBeGreaterThan(2 * 64 * 4 * 16 * 4);
  });
});

describe('floors', () => {
  const cost = { kernel: 'x', dispatches: 1, bytesRead: 3e9, bytesWritten: 0, arithmetic: 'matrix' } as const;

  it('is the larger of moving and computing', () => {
    expect(floorOf({ ...cost, flops: 1 }, devices.h100)).toEqual({ seconds: 1e-3, boundBy: 'memory' });
    expect(floorOf({ ...cost, flops: 1.3e12 }, devices.h100)).toEqual({ seconds: 2e-3, boundBy: 'arithmetic' });
  });

  it('adds up kernels, which run one after the other', () => {
    const { module, programs, definition } = compileModule(
      shapedOf('attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { causal: true } }'),
    );
    const sizes = usualSizes(definition.facts);
    expect(sizes).toEqual({ tokens: 2048, keys: 4096 });
    for (const program of programs) {
      for (const { kernels, floorSeconds } of costReport(module, program, sizes, devices.h100))
        expect(floorSeconds).toBeCloseTo(
          kernels.reduce((sum, { floor }) => sum + floor.seconds, 0),
          12,
        );
    }
  });
});

describe('visible keys', () => {
  const node = (mask: string, size = ''): AttentionNode => {
    const yaml = `attention: { q_heads: 1, kv_heads: 1, head_dim: 8, mask: ${mask} ${size} }`;
    const found = compileModule(shapedOf(yaml), [profiles.baseline]).module.nodes.find(({ op }) => op === 'attention');
    if (found?.op !== 'attention') throw new Error('no attention');
    return found;
  };

  it.each([
    ['{ causal: true }', 4, 10, 7 + 8 + 9 + 10, 10],
    ['{ causal: false }', 4, 10, 40, 10],
    ['{ causal: true, window: 3 }', 4, 10, 12, 6],
    ['{ causal: true, chunk: 4 }', 4, 10, 3 + 4 + 1 + 2, 6],
    ['{ causal: true, window: 3, prefix: 2 }', 4, 10, 4 * 5, 8],
    ['{ causal: true, prefix: 5 }', 2, 2, 4, 2],
  ])('%s: %i queries of %i keys see %i pairs, of %i keys', (mask, tokens, keys, pairs, seen) => {
    expect(visiblePairs(node(mask), { tokens, keys })).toBe(pairs);
    expect(keysSeen(node(mask), { tokens, keys })).toBe(seen);
  });

  it('sees memory from everywhere', () => {
    expect(visiblePairs(node('{ causal: true }', ', memory_kv: { slots: 3 }'), { tokens: 2, keys: 2 })).toBe(3 + 6);
  });
});
