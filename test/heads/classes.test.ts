import { describe, expect, it } from 'vitest';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { callSequences } from '../../src/verify/calls.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { wholeTensor } from '../../src/verify/whole-tensor.ts';
import { shapedOf } from '../numeric/harness.ts';

type Weights = ReadonlyMap<string, Float64Array>;

/** What the f64 reading makes of all calls of a spec; the weights may be changed before. */
async function outputsOf(
  shaped: ShapedSpec,
  change: (weights: Weights) => void = () => {},
): Promise<readonly Float64Array[]> {
  const { module } = compileModule(shaped, [profiles.baseline]);
  const checkpoint = await randomCheckpoint(shaped, 3);
  const weights = await gatherWeights(module, (name) => wholeTensor(checkpoint, name));
  change(weights);
  return callSequences(shaped, 9, 5).flatMap(({ batch, capacity, calls }) => {
    const oracle = createOracle(module, weights, { batch, capacity });
    return calls.map((call) => oracle.forward(call).get(shaped.model ? 'logits' : 'out')?.data ?? new Float64Array());
  });
}

function farthest(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  expect(a.length).toBeGreaterThan(0);
  expect(b.map(({ length }) => length)).toEqual(a.map(({ length }) => length));
  const pairs = a.flatMap((values, i) => [...values].map((value, at) => Math.abs(value - (b[i]?.[at] ?? Number.NaN))));
  return pairs.reduce((most, one) => Math.max(most, one), 0);
}

/** Makes the columns of the output projection zero that heads which are not active would be multiplied with. */
const withoutHeads = (shaped: ShapedSpec, active: readonly number[]) => (weights: Weights) => {
  const { qHeads } = shaped.layers[0]?.attention.heads ?? { qHeads: 0 };
  for (const [name, values] of weights) {
    const width = shaped.weights.find((weight) => weight.name === name)?.shape.at(-1) ?? 0;
    if (!/\bo(_gate)?\.weight$/.test(name)) continue;
    for (const at of values.keys()) if (!active.includes(Math.floor(((at % width) * qHeads) / width))) values[at] = 0;
  }
};

const alone = 'hidden: 24, q_heads: 6, head_dim: 8, mask: { causal: true }';
const grouped = `${alone}, kv_heads: 3`;
const decoder = (attention: string, block = '') =>
  `model: { vocab: 12, hidden: 24, layers: 2, context: 40${block} }\nmlp: { activation: silu, width: 16 }\nattention: { q_heads: 6, head_dim: 8, mask: { causal: true }, ${attention} }`;

const specs: readonly (readonly [name: string, yaml: string])[] = [
  ['one KV head each', `attention: { ${alone} }`],
  ['uneven groups', `attention: { ${grouped}, value_dim: 6, biases: [q, k, v, o] }`],
  ['interleaved groups', `attention: { ${grouped}, group_order: interleaved, sinks: true, rope: {} }`],
  ['the last heads rotated', `attention: { ${alone}, rope: { heads: 2 } }`],
  [
    'norms of heads',
    `attention: { ${grouped}, qk_norm: [{ kind: l2, weight: per_head }, { kind: rms, weight: per_head }], value_norm: { kind: rms, weight: per_head } }`,
  ],
  [
    'memory',
    `attention: { ${grouped}, memory_kv: { slots: 3, normalized: true }, zero_kv: true, qk_norm: { kind: rms, weight: per_head } }`,
  ],
  ['ALiBi of five heads', `attention: { ${grouped}, alibi: 5 }`],
  ['T5', `attention: { ${grouped}, t5_bias: { buckets: 6, max_distance: 9 } }`],
  ['a bias of heads', `attention: { ${grouped}, bias: { heads: true, batch: true } }`],
  ['a bias of all heads', `attention: { ${grouped}, bias: {} }`],
  [
    'expressions',
    'attention: { hidden: 24, q_heads: 6, kv_heads: 3, head_dim: 8, parameters: { a: { axes: [h] }, c: { axes: [kv, 4], runtime: true } }, score: "s * a[h] + c[kv, h % 4] - alibi_slope(h) * (q - k)", mask: { causal: true, where: "kv < 2 | k % 2 == 0" } }',
  ],
  ['gates', `attention: { ${grouped}, gates: { head_scale: true, head: true, value: silu } }`],
  ['separate steps', `attention: { ${grouped}, normalizer: sigmoid }`],
  ['a gated output, one class', `attention: { ${alone}, gates: { output_glu: true }, biases: [o] }`],
  ['a gated output of uneven groups', `attention: { ${grouped}, gates: { output_glu: true } }`],
  ['values of the first layer', decoder('kv_heads: 3, value_residual: 0.4')],
  ['a norm over all heads', `attention: { ${grouped}, qk_norm: { kind: rms, weight: projection } }`],
  ['hooks', `attention: { ${grouped}, hooks: [q, pattern] }`],
  ['split inputs', `attention: { ${grouped}, inputs: split_qkv }`],
  ['a context', 'attention: { hidden: 24, q_heads: 6, kv_heads: 3, head_dim: 8, cross: 20 }'],
  [
    'latent rows',
    'attention: { hidden: 24, q_heads: 6, mask: { causal: true }, mla: { kv_rank: 10, q_rank: 12, nope_dim: 6, rope_dim: 4, value_dim: 8 }, rope: {} }',
  ],
  ['a decoder', decoder('kv_heads: 3, rope: {}, biases: [o]')],
  ['a decoder with norms behind its parts', decoder('kv_heads: 3', ', block: { norms: sandwich }')],
  ['a decoder with scaled residuals', decoder('kv_heads: 3, biases: [o]', ', block: { residual_scale: 0.5 }')],
];

const active = [0, 3, 4, 5];
const activeOnly = (yaml: string) => yaml.replace('q_heads: 6', `q_heads: 6, heads: { active: [${active}] }`);

describe('heads that are not active give what full heads give whose outputs are multiplied with zero', () => {
  it.each(specs)('%s', async (_, yaml) => {
    const [full, pruned] = [shapedOf(yaml), shapedOf(activeOnly(yaml))];
    const [expected, found] = [await outputsOf(full, withoutHeads(full, active)), await outputsOf(pruned)];
    expect(farthest(expected, found)).toBeLessThan(1e-12);
    expect(farthest(await outputsOf(full), found)).toBeGreaterThan(1e-3);
  });

  it('and are nowhere on the device', () => {
    const { definition } = compileModule(shapedOf(activeOnly(`attention: { ${alone}, biases: [q], memory_kv: 2 }`)));
    const shapes = Object.fromEntries(definition.weights.map(({ name, shape }) => [name, shape]));
    expect(shapes).toEqual({
      'attn.q.weight': [32, 24],
      'attn.q.bias': [32],
      'attn.k.weight': [32, 24],
      'attn.v.weight': [32, 24],
      'attn.memory_k': [4, 2, 8],
      'attn.memory_v': [4, 2, 8],
      'attn.o.weight': [24, 32],
    });
    const caches = definition.buffers.filter(({ role }) => role === 'cache');
    expect(caches.map(({ shape }) => shape)).toEqual([
      ['B', 4, 'C', 8],
      ['B', 4, 'C', 8],
    ]);
  });

  it('but are there in matrices of integers', () => {
    const { definition } = compileModule(
      shapedOf(activeOnly(`weights: { dtype: int8 }\nattention: { ${alone.replace('24', '32')}, value_dim: 16 }`)),
    );
    expect(definition.weights.find(({ name }) => name === 'attn.q.weight')?.shape).toEqual([48, 32]);
  });

  it.each(['hooks: [q]', 'inputs: split_qkv', 'qk_norm: { kind: rms, weight: projection }'])(
    'but are computed with the others beside %s',
    (line) => {
      const { definition } = compileModule(shapedOf(activeOnly(`attention: { ${alone}, ${line} }`)));
      expect(definition.weights.find(({ name }) => name === 'attn.q.weight')?.shape).toEqual([48, 24]);
    },
  );
});

describe('KV heads whose cache has another dtype', () => {
  const ranges = 'cache: { ranges: [{ kv_heads: [2, 0], dtype: f16 }] }';
  const ranged = (yaml: string) => yaml.replace('q_heads: 6', `q_heads: 6, ${ranges}`);
  const options = specs.filter(([name]) => !/gated output|first layer|over all|hooks|split/.test(name));

  it.each(options)('give the same in exact arithmetic: %s', async (_, yaml) => {
    const [plain, own] = [shapedOf(yaml), shapedOf(ranged(yaml))];
    expect(farthest(await outputsOf(plain), await outputsOf(own))).toBeLessThan(1e-12);
    const pruned = await outputsOf(shapedOf(ranged(activeOnly(yaml))));
    expect(farthest(await outputsOf(shapedOf(activeOnly(yaml))), pruned)).toBeLessThan(1e-12);
  });

  it.each(['dense', 'paged', 'ring'])('have caches of their own: %s', (kind) => {
    const yaml = `attention: { ${grouped}, cache: { kind: ${kind}, ranges: { kv_heads: [2, 0], dtype: f16 } } }`;
    const { definition } = compileModule(
      shapedOf(kind === 'ring' ? yaml.replace('causal: true', 'causal: true, window: 5') : yaml),
    );
    const caches = definition.buffers.filter(({ role }) => role === 'cache');
    expect(caches.map(({ name, dtype, shape }) => [name, dtype, shape[1]])).toEqual([
      ['heads_0.cache.k', 'f16', 2],
      ['heads_0.cache.v', 'f16', 2],
      ['heads_1.cache.k', 'f32', 1],
      ['heads_1.cache.v', 'f32', 1],
    ]);
  });
});
