import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { AttentionSession } from '../../src/runtime/abi1/index.ts';
import { randomNumbers, randomValues } from '../../src/verify/random.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { loadSpec, shapedOf, useDevice } from './harness.ts';

const hidden = 52;
const spec = (heads: string, inputs: string) =>
  `attention: { hidden: ${hidden}, ${heads}, head_dim: 20, mask: { causal: true }, biases: [q, v], inputs: ${inputs} }`;

const groupings = {
  ungrouped: { text: 'q_heads: 3', qHeads: 3, kvHeads: 3 },
  grouped: { text: 'q_heads: 6, kv_heads: 2, value_dim: 72, group_order: interleaved', qHeads: 6, kvHeads: 2 },
  'one KV head': { text: 'q_heads: 4, one_kv_head: true', qHeads: 4, kvHeads: 1 },
};

/** `[rows, hidden]` → `[rows, heads, hidden]`, every head with the same row. */
function repeated(rows: Float32Array, heads: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(rows.length * heads);
  for (let row = 0; row * hidden < rows.length; row++) {
    const values = rows.subarray(row * hidden, (row + 1) * hidden);
    for (let head = 0; head < heads; head++) out.set(values, (row * heads + head) * hidden);
  }
  return out;
}

const bits = (values: Float32Array<ArrayBuffer>) => [...new Uint32Array(values.buffer, 0, values.length)];

describe('split inputs', () => {
  const gpu = useDevice();

  it.each(Object.entries(groupings))('that are equal give the bits of the shared input: %s', async (_, grouping) => {
    const shared = await loadSpec(gpu.device, spec(grouping.text, 'shared'));
    const split = await loadSpec(gpu.device, spec(grouping.text, 'split_qkv'));
    const size = { batch: 2, tokens: 40, keys: 41 };
    const sessions = [
      await AttentionSession.create(shared.loaded, size),
      await AttentionSession.create(split.loaded, size),
    ];
    const next = randomNumbers(5);
    for (const [tokens, keys] of [
      [40, 40],
      [1, 41],
    ] as const) {
      const rows = Float32Array.from(randomValues(2 * tokens * hidden, next));
      const k = repeated(rows, grouping.kvHeads);
      const [a, b] = await Promise.all([
        sessions[0]?.run({ hidden_in: rows }, { tokens, keys }),
        sessions[1]?.run({ q_in: repeated(rows, grouping.qHeads), k_in: k, v_in: k }, { tokens, keys }),
      ]);
      if (a === undefined || b === undefined) throw new Error('both sessions ran');
      expect(a.some((value) => Math.abs(value) > 1e-3)).toBe(true);
      expect(bits(b)).toEqual(bits(a));
    }
    for (const { loaded } of [shared, split]) loaded.dispose();
  });

  it.each([
    spec('q_heads: 6, kv_heads: 2, value_dim: 72', 'split_qkv'),
    'attention: { hidden: 30, q_heads: 4, kv_heads: 2, head_dim: 8, cross: 18, inputs: split_qkv }',
    'attention: { hidden: 30, q_heads: 4, head_dim: 6, qk_norm: { kind: rms }, rope: {}, gates: { head_scale: true, output_glu: true }, inputs: split_qkv }',
  ])('that differ give what the reference gives: %s', async (text) => {
    const shaped = shapedOf(text);
    const checkpoint = await randomCheckpoint(shaped, 3);
    const options = { device: gpu.device, checkpoint, tokens: 37, seed: 2 };
    const { entries } = await verifyModule(shaped, compileModule(shaped), options);
    expect(entries.length).toBeGreaterThan(3);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
  });
});
