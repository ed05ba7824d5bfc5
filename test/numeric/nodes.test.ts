import { describe, expect, it } from 'vitest';
import type { NodeError } from '../../src/verify/node-runner.ts';
import { randomNumbers, randomValues } from '../../src/verify/random.ts';
import type { TracedCall } from '../../src/verify/trace.ts';
import { errorsOf, loadSpec, useDevice } from './harness.ts';

const gpu = useDevice();

/** Ids of every sequence, none of them the same as its neighbour's. */
const idsOf = (counts: readonly number[], vocab: number, seed: number) => {
  const next = randomNumbers(seed);
  return counts.map((count) => Array.from({ length: count }, () => Math.floor(next() * vocab)));
};

/** A prompt of ragged length, a chunk after it, and one token. */
function modelCalls(vocab: number): readonly TracedCall[] {
  const call = (counts: readonly number[], logits: 'last' | 'all'): TracedCall => ({
    counts,
    ids: idsOf(counts, vocab, counts.length + (counts[0] ?? 0)),
    logits,
  });
  return [call([13, 5], 'last'), call([3, 4], 'all'), call([1, 1], 'last'), call([1, 1], 'all')];
}

/** Widths that are multiples of nothing, every bias, and each activation, norm and storage at least once. */
const models = {
  'layer norm, learned positions, all biases, gated gelu, f16 weights': `
model: { vocab: 37, hidden: 50, layers: 2, context: 40, tie_embeddings: true, embedding_scale: 1.5, positions: { kind: learned, scale: 0.3 }, norm: { kind: layer } }
attention: { q_heads: 5, kv_heads: 5, head_dim: 10, biases: [q, k, v, o], mask: { causal: true } }
mlp: { kind: gated, activation: gelu, width: 70, biases: [up, gate, down] }
weights: { dtype: f16 }`,
  'rms norm with offset, rotary, memory with l2 norm, plain gelu_tanh, bf16 weights, f16 cache': `
model: { vocab: 65, hidden: 96, layers: 2, context: 40, norm: { kind: rms, unit_offset: true, eps: 0 } }
attention: { q_heads: 6, kv_heads: 2, group_order: interleaved, head_dim: 20, value_dim: 12, qk_norm: { kind: l2, groups: 2 }, rope: { dim: 12, base: 1000, pairing: interleaved }, memory_kv: { slots: 3, normalized: true }, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { kind: plain, activation: gelu_tanh, width: 130 }
weights: { dtype: bf16 }`,
  'rms without offset, rms norm of heads, half rotation, relu2, odd heads': `
model: { vocab: 300, hidden: 33, layers: 1, context: 40, norm: { kind: rms, bias: true } }
attention: { q_heads: 3, kv_heads: 1, head_dim: 18, qk_norm: { kind: rms, unit_offset: true }, rope: { dim: 18, pairing: half }, mask: { causal: true }, biases: [k] }
mlp: { kind: plain, activation: relu2, width: 257, biases: [up] }`,
  'one layer wider than all tiles, gated silu': `
model: { vocab: 70, hidden: 1030, layers: 1, context: 40, tie_embeddings: true }
attention: { q_heads: 2, kv_heads: 1, head_dim: 16, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 66, biases: [gate] }`,
  'gated relu, one head of each, no causal mask': `
model: { vocab: 5, hidden: 7, layers: 1, context: 40 }
attention: { q_heads: 1, head_dim: 4, mask: { causal: false } }
mlp: { kind: gated, activation: relu, width: 3, biases: [down] }`,
  'quads of heads turned in part, neighbours together': `
model: { vocab: 30, hidden: 24, layers: 1, context: 40 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 16, value_dim: 20, rope: { dim: 8, pairing: interleaved }, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { kind: gated, activation: silu, width: 32 }`,
  'quads of heads, halves together, in pages': `
model: { vocab: 30, hidden: 24, layers: 1, context: 40 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 20, rope: { dim: 16, pairing: half }, mask: { causal: true }, cache: { kind: paged, page_size: 8 } }
mlp: { kind: gated, activation: silu, width: 32 }`,
  'quads of heads, turned after the first, from latent rows': `
model: { vocab: 30, hidden: 24, layers: 1, context: 40 }
attention: { q_heads: 3, mla: { kv_rank: 12, nope_dim: 8, rope_dim: 4, value_dim: 8 }, rope: { pairing: interleaved }, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 32 }`,
} as const;

/** Rows of three gated entries cancel: a single row may be far off in relative terms, never many. */
const isAccurate = ({ worstRow, relativeL2 }: NodeError) => worstRow < 2e-5 && relativeL2 < 2e-6;

const describeError = ({ kernels, tensor, worstRow }: NodeError) => `${kernels.join(' + ')} → ${tensor}: ${worstRow}`;

describe('every kernel of a model against the reference', () => {
  it.each(Object.entries(models))('%s', async (_, yaml) => {
    const spec = await loadSpec(gpu.device, yaml.trim());
    const vocab = spec.shaped.model?.vocab ?? 0;
    const errors = await errorsOf(spec, { batch: 2, capacity: 19 }, modelCalls(vocab));
    expect(errors.filter((error) => !isAccurate(error)).map(describeError)).toEqual([]);
    const ops = new Set(spec.compiled.module.nodes.map(({ op }) => op));
    ops.delete('memory_keys');
    expect(new Set(errors.map(({ node }) => node.op))).toEqual(ops);
  });
});

describe('attention with projections, alone', () => {
  it('prefills, goes on in chunks and steps, with fewer tokens in some sequences', async () => {
    const spec = await loadSpec(
      gpu.device,
      'attention: { hidden: 30, q_heads: 6, kv_heads: 3, head_dim: 9, value_dim: 14, rope: { dim: 4, pairing: half }, memory_kv: { slots: 5 }, mask: { causal: true } }',
    );
    const next = randomNumbers(3);
    const call = (counts: readonly number[]): TracedCall => {
      const tokens = Math.max(...counts);
      const shape = [counts.length, tokens, 30];
      return {
        counts,
        inputs: new Map([['hidden_in', { shape, data: randomValues(counts.length * tokens * 30, next) }]]),
      };
    };
    const errors = await errorsOf(spec, { batch: 3, capacity: 50 }, [
      call([40, 17, 2]),
      call([2, 5, 1]),
      call([1, 1, 1]),
      call([1, 0, 1]),
    ]);
    expect(errors.filter((error) => !isAccurate(error)).map(describeError)).toEqual([]);
  });
});
