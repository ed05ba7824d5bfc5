import { describe, expect, it } from 'vitest';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { f16ToF32, f32ToF16 } from '../../src/runtime/abi1/floats.ts';
import { AttentionSession } from '../../src/runtime/abi1/index.ts';
import { errorsOf, headInputs, loadSpec, useDevice, worst } from './harness.ts';

/** Each case is (shape, keys): pairs of options are covered, not the product. `past` tokens stand before the first query. */
interface Case {
  readonly heads: readonly [q: number, kv: number];
  readonly dims: readonly [d: number, dv: number];
  readonly order?: 'interleaved';
  readonly memory?: number;
  readonly causal?: false;
  readonly f16?: true;
  readonly batch?: number;
  readonly tokens: number;
  readonly keys: number;
}

const cases: readonly Case[] = [
  { heads: [1, 1], dims: [4, 4], tokens: 5, keys: 5 },
  { heads: [2, 1], dims: [8, 8], memory: 1, tokens: 33, keys: 33 },
  { heads: [3, 1], dims: [16, 16], memory: 5, causal: false, tokens: 7, keys: 40 },
  { heads: [5, 1], dims: [20, 20], memory: 40, tokens: 20, keys: 20 },
  { heads: [8, 1], dims: [40, 40], tokens: 9, keys: 70 },
  { heads: [32, 1], dims: [64, 64], memory: 1, tokens: 3, keys: 40, f16: true },
  { heads: [4, 2], dims: [80, 80], order: 'interleaved', tokens: 12, keys: 12 },
  { heads: [6, 2], dims: [96, 96], order: 'interleaved', memory: 5, tokens: 10, keys: 20, f16: true },
  { heads: [2, 2], dims: [128, 128], memory: 40, causal: false, tokens: 17, keys: 17 },
  { heads: [2, 1], dims: [256, 256], memory: 1, tokens: 6, keys: 12 },
  { heads: [6, 3], dims: [18, 18], order: 'interleaved', memory: 5, tokens: 11, keys: 30 },
  { heads: [4, 2], dims: [16, 40], memory: 1, tokens: 20, keys: 25 },
  { heads: [4, 1], dims: [64, 20], causal: false, tokens: 8, keys: 50, f16: true },
  { heads: [3, 3], dims: [18, 7], memory: 5, tokens: 13, keys: 13 },
  { heads: [10, 2], dims: [32, 48], order: 'interleaved', tokens: 70, keys: 70, batch: 2 },
  { heads: [8, 2], dims: [16, 16], tokens: 40, keys: 9 },
  { heads: [2, 1], dims: [20, 4], memory: 5, tokens: 30, keys: 3 },
  { heads: [16, 2], dims: [4, 256], tokens: 5, keys: 9 },
  { heads: [3, 3], dims: [18, 7], memory: 1, tokens: 5, keys: 9, f16: true },
  { heads: [64, 1], dims: [16, 8], memory: 40, order: 'interleaved', tokens: 4, keys: 8, f16: true },
];

const decodes: readonly Case[] = [
  { heads: [1, 1], dims: [4, 4], tokens: 1, keys: 1 },
  { heads: [2, 1], dims: [8, 8], memory: 1, tokens: 1, keys: 127 },
  { heads: [3, 1], dims: [16, 16], memory: 5, causal: false, tokens: 1, keys: 123 },
  { heads: [5, 1], dims: [20, 20], memory: 40, tokens: 1, keys: 300 },
  { heads: [8, 1], dims: [40, 40], tokens: 1, keys: 128, batch: 2 },
  { heads: [32, 1], dims: [64, 64], memory: 1, tokens: 1, keys: 129, f16: true },
  { heads: [6, 2], dims: [96, 80], order: 'interleaved', memory: 5, tokens: 1, keys: 2, f16: true },
  { heads: [14, 2], dims: [128, 128], order: 'interleaved', tokens: 1, keys: 256, batch: 2 },
  { heads: [2, 1], dims: [256, 256], memory: 40, tokens: 1, keys: 88 },
  { heads: [6, 3], dims: [18, 18], order: 'interleaved', memory: 5, tokens: 1, keys: 60 },
  { heads: [3, 3], dims: [18, 7], memory: 1, tokens: 1, keys: 40, batch: 3 },
  { heads: [6, 3], dims: [18, 9], tokens: 1, keys: 131, f16: true },
  { heads: [16, 2], dims: [4, 256], tokens: 1, keys: 130 },
];

function yamlOf({ heads, dims, order, memory = 0, causal, f16 }: Case): string {
  const memoryKv = memory > 0 ? `, memory_kv: { slots: ${memory} }` : '';
  return (
    `attention: { q_heads: ${heads[0]}, kv_heads: ${heads[1]}, head_dim: ${dims[0]}, value_dim: ${dims[1]}, ` +
    `group_order: ${order ?? 'blocked'}, mask: { causal: ${causal ?? true} }, cache: { dtype: ${f16 ? 'f16' : 'f32'} }${memoryKv} }`
  );
}

const title = (c: Case) =>
  `${c.heads.join('/')} heads of ${c.dims.join('/')}${c.order ? ' interleaved' : ''}, memory ${c.memory ?? 0}, ` +
  `${c.causal === false ? 'open' : 'causal'}${c.f16 ? ', f16 keys' : ''}, ${c.tokens} × ${c.keys}`;

const gpu = useDevice();

const roomy: TargetProfile = {
  ...profiles.baseline,
  limits: { ...profiles.baseline.limits, maxComputeWorkgroupStorageSize: 32_768 },
};

async function errorOf(found: Case, logits?: number, profile?: TargetProfile): Promise<number> {
  const spec = await loadSpec(gpu.device, yamlOf(found), 1, profile && [profile]);
  const { batch = 1, tokens, keys } = found;
  const inputs = headInputs(spec.shaped, { batch, tokens, keys, ...(logits && { logits }) });
  const call = {
    counts: new Array<number>(batch).fill(tokens),
    keyCounts: new Array<number>(batch).fill(keys),
    inputs,
  };
  const errors = await errorsOf(spec, { batch, capacity: keys }, [call]);
  spec.loaded.dispose();
  return worst(errors);
}

describe('attention alone', () => {
  it.each(cases.map((found) => [title(found), found] as const))('prefill, %s', async (_, found) => {
    expect(await errorOf(found)).toBeLessThan(3e-6);
  });

  it.each(cases.filter(({ tokens }) => tokens > 9).map((found) => [title(found), found] as const))(
    'prefill with the memory for twice as many keys in a tile, %s',
    async (_, found) => {
      expect(await errorOf(found, undefined, roomy)).toBeLessThan(3e-6);
    },
  );

  it.each(decodes.map((found) => [title(found), found] as const))('decode, %s', async (_, found) => {
    expect(await errorOf(found)).toBeLessThan(3e-6);
  });

  it.each([
    ['prefill', { heads: [4, 2], dims: [64, 64], memory: 5, tokens: 9, keys: 21 }],
    ['decode', { heads: [4, 2], dims: [64, 64], memory: 5, tokens: 1, keys: 140 }],
    ['without causal mask', { heads: [2, 2], dims: [16, 16], causal: false, tokens: 9, keys: 33 }],
  ] as const)('stays finite and accurate for logits up to 1e4, %s', async (_, found) => {
    // Scaled logits then have a deviation of about 4,000, and the largest of a row is near 1e4.
    expect(await errorOf(found, 7000)).toBeLessThan(1e-3);
  });

  it('gives zeros for queries before the first key', async () => {
    const spec = await loadSpec(gpu.device, yamlOf({ heads: [2, 1], dims: [8, 8], tokens: 6, keys: 2 }));
    const inputs = headInputs(spec.shaped, { batch: 1, tokens: 6, keys: 2 });
    const errors = await errorsOf(spec, { batch: 1, capacity: 2 }, [{ counts: [6], keyCounts: [2], inputs }]);
    // A reference row of zeros has to be met exactly: any other value is an infinite error.
    expect(worst(errors)).toBeLessThan(3e-6);
  });

  it('takes given keys of different lengths in a batch', async () => {
    const spec = await loadSpec(gpu.device, yamlOf({ heads: [6, 2], dims: [20, 12], memory: 5, tokens: 9, keys: 40 }));
    for (const [counts, keyCounts] of [
      [
        [9, 4, 1],
        [40, 17, 1],
      ],
      [
        [1, 1, 1],
        [40, 17, 1],
      ],
      [
        [3, 9, 9],
        [5, 9, 2],
      ],
    ] as const) {
      const inputs = headInputs(spec.shaped, { batch: 3, tokens: Math.max(...counts), keys: 40 });
      const errors = await errorsOf(spec, { batch: 3, capacity: 40 }, [{ counts, keyCounts, inputs }]);
      expect(worst(errors), String(counts)).toBeLessThan(3e-6);
    }
  });
});

describe('queries and outputs of f16', () => {
  const half = (heads: string, options = '') => `attention: { ${heads}, precision: { activations: f16 }${options} }`;
  const forms = [
    ['tiles', half('q_heads: 6, kv_heads: 2, head_dim: 32', ', mask: { causal: true }, cache: { dtype: f16 }'), 20, 30],
    ['a split', half('q_heads: 6, kv_heads: 2, head_dim: 32', ', memory_kv: 3'), 1, 140],
    ['separate steps', half('q_heads: 4, kv_heads: 2, head_dim: 12', ', normalizer: sigmoid'), 9, 9],
    ['rows of half words', half('q_heads: 6, kv_heads: 3, head_dim: 13, value_dim: 10'), 7, 12],
  ] as const;

  it.each(forms)('are rounded once, %s', async (_, text, tokens, keys) => {
    const spec = await loadSpec(gpu.device, text);
    const types = spec.loaded.definition.buffers.filter(({ name }) => name === 'q' || name === 'out');
    expect(types.map(({ dtype }) => dtype)).toEqual(['f16', 'f16']);
    const inputs = headInputs(spec.shaped, { batch: 2, tokens, keys });
    const call = { counts: [tokens, 1], keyCounts: [keys, 1], inputs };
    const [error] = await errorsOf(spec, { batch: 2, capacity: keys }, [call]);
    expect(error?.relativeL2).toBeLessThan(3e-4);
    expect(error?.relativeL2).toBeGreaterThan(1e-4);
    const session = await AttentionSession.create(spec.loaded, { batch: 2, tokens, keys });
    const data = Object.fromEntries([...inputs].map(([name, tensor]) => [name, Float32Array.from(tensor.data)]));
    const out = await session.run(data, { tokens: call.counts, keys: call.keyCounts });
    expect((await session.read('out')).data.slice(0, 4)).toEqual(out.slice(0, 4));
    expect(out.every((value) => Math.fround(f16ToF32(f32ToF16(value))) === value)).toBe(true);
    spec.loaded.dispose();
  });
});
