import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

const heads = (mask: string, more = '') =>
  `attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { ${mask} }${more} }`;
const block = (mask: string, more = '') =>
  `attention: { hidden: 16, q_heads: 4, kv_heads: 2, head_dim: 8, rope: {}, mask: { ${mask} }${more} }`;
const model = (mask: string, more = '') =>
  `model: { vocab: 20, hidden: 16, layers: 1, context: 128 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { ${mask} }${more} }
mlp: { activation: silu, width: 16 }`;

const memory = ', memory_kv: 3, zero_kv: true';
/** Separate steps instead of the fused forms. */
const steps = ', head_mixing: [pre]';

const cases = {
  'chunk, given heads': heads('causal: true, chunk: 7'),
  'chunk that looks ahead': heads('chunk: 16'),
  'chunk that looks ahead, memory': block('chunk: 7', memory),
  'chunk, separate steps': block('causal: true, chunk: 6', memory + steps),
  'chunk of a model': model('causal: true, chunk: 16', memory),
  'chunk and window': heads('causal: true, chunk: 40, window: 9'),
  'chunk and window with memory in its place': block('causal: true, chunk: 12, window: 5, memory: windowed', memory),
  'prefix, given heads': heads('causal: true, prefix: 13'),
  'prefix of a model': model('causal: true, prefix: 5', memory),
  'prefix, window, memory': heads('causal: true, prefix: 5, window: 4, memory: windowed', memory),
  'prefix and chunk': block('causal: true, prefix: 9, chunk: 6'),
  'prefix and chunk that looks ahead': heads('prefix: 9, chunk: 6'),
  'prefix, separate steps': heads('causal: true, prefix: 5', steps),
  'runtime prefix, given heads': heads('causal: true, prefix: runtime', memory),
  'runtime prefix and window': block('causal: true, prefix: runtime, window: 6'),
  'runtime prefix of a model': model('causal: true, prefix: runtime'),
  'documents, given heads': heads('causal: true, documents: true', memory),
  'documents that look ahead': heads('documents: true'),
  'documents, padding, sinks': block('causal: true, documents: true, padding: keys_and_queries', ', sinks: true'),
  'cross-attention': 'attention: { hidden: 16, q_heads: 4, kv_heads: 2, head_dim: 8, cross: 12 }',
  'documents, window, separate steps': block('causal: true, documents: true, window: 5', steps),
};

describe('masks on the device', () => {
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
