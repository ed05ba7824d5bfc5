import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

const block = (mask: string, cache: string, more = '') =>
  `attention: { hidden: 16, q_heads: 4, kv_heads: 2, head_dim: 8, value_dim: 6, rope: {}, mask: { causal: true${mask} }, cache: { ${cache} }${more} }`;
const memory = ', memory_kv: 3, zero_kv: true';
const ring = 'kind: ring, prefill_chunk: 7';
const paged = 'kind: paged, page_size: 8';

const cases = {
  'ring of a window': block(', window: 5', ring),
  'ring with room to spare, f16': block(', window: 5', 'kind: ring, capacity: 40, dtype: f16'),
  'ring of a window with memory': block(', window: 9, memory: windowed', ring, memory),
  'ring of a chunk': block(', chunk: 6', ring, memory),
  'ring, one token at a time': block(', window: 4', 'kind: ring, capacity: 4', ', sinks: true'),
  'ring, separate steps': block(', window: 5', ring, ', head_mixing: [pre, post]'),
  pages: block('', paged),
  'pages of one position, f16': block('', 'kind: paged, page_size: 1, dtype: f16', memory),
  'pages under a window, memory': block(', window: 9, memory: always', paged, memory),
  'pages, separate steps, padding': block(', padding: keys_and_queries', paged, ', normalizer: { kind: topk, k: 3 }'),
  'pages with a prefix and norms': block(
    ', prefix: 6',
    paged,
    ', qk_norm: [{ kind: l2, weight: per_head }, { kind: rms }], value_norm: {}',
  ),
  'rows of int8': block('', 'dtype: int8', memory),
  'ring of int8': block(', window: 5', 'kind: ring, capacity: 41, dtype: int8'),
  'pages of int8 of one position, separate steps': block(
    '',
    'kind: paged, page_size: 1, dtype: int8',
    ', head_mixing: [pre]',
  ),
  'pages of int8 with norms': block(
    '',
    `${paged}, dtype: int8`,
    ', qk_norm: [{ kind: l2, weight: per_head }], value_norm: {}',
  ),
  'a model of rings and pages': `
model: { vocab: 20, hidden: 16, layers: 3, context: 96 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, rope: {}, mask: { causal: true } }
mlp: { activation: silu, width: 16 }
layers:
  kinds:
    local: { attention: { mask: { window: 6 }, cache: { kind: ring, prefill_chunk: 12 } } }
    full: { attention: { cache: { kind: paged, page_size: 4 } } }
    wide: { attention: { kv_heads: 4 } }
  pattern: [local, full, wide]`.trim(),
};

describe('caches on the device hold what a dense one holds', () => {
  it.each(Object.entries(cases))('%s', async (_, yaml) => {
    const shaped = shapedOf(yaml);
    const checkpoint = await randomCheckpoint(shaped, 5);
    const { entries } = await verifyModule(shaped, compileModule(shaped), {
      device: gpu.device,
      checkpoint,
      tokens: 37,
      seed: 3,
    });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.filter(({ stage }) => stage === 'whole').length).toBeGreaterThan(0);
  });
});
