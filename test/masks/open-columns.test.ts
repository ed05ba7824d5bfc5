import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { AttentionSession } from '../../src/runtime/abi1/index.ts';
import { headInputs, loadSpec, shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();
const size = { tokens: 600, keys: 600 };

const yamlOf = (mask: string) =>
  `attention: { q_heads: 6, kv_heads: 2, head_dim: 16, value_dim: 12, memory_kv: 3, mask: { ${mask} } }`;

/** Tiles that leave memory for the look. */
const roomy = { ...profiles.baseline, limits: { ...profiles.baseline.limits, maxComputeWorkgroupStorageSize: 32_768 } };

/** Documents of 100 tokens, of descending numbers: they need not be sorted. */
const documents = Float32Array.from({ length: 600 }, (_, key) => 9 - Math.floor(key / 100));
const shown = Float32Array.from({ length: 600 }, (_, key) => Number(key >= 250 && key < 500));

interface Case {
  readonly mask: string;
  readonly given: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  /** Keys that nobody reads; tiles are read whole, and that with the memory always. */
  readonly unread: readonly [from: number, to: number];
  /** Queries that are compared: those whose tile has no row that sees such a key. */
  readonly rows: readonly [from: number, to: number];
}

const cases: readonly Case[] = [
  { mask: 'causal: true, documents: true', given: { documents }, unread: [64, 130], rows: [240, 600] },
  { mask: 'documents: true', given: { documents }, unread: [64, 130], rows: [240, 600] },
  { mask: 'documents: true', given: { documents }, unread: [400, 600], rows: [0, 270] },
  { mask: 'padding: keys', given: { key_mask: shown }, unread: [64, 180], rows: [0, 600] },
  { mask: 'padding: keys', given: { key_mask: shown }, unread: [512, 600], rows: [0, 600] },
  { mask: 'causal: true, padding: keys_and_queries', given: { key_mask: shown }, unread: [64, 180], rows: [0, 600] },
];

describe('keys that documents or padding hide from all queries of a tile are not read', () => {
  it.each(cases)('$mask: keys $unread', async ({ mask, given, unread: [from, to], rows: [first, end] }) => {
    const spec = await loadSpec(gpu.device, yamlOf(mask), 5, [roomy]);
    const inputs = headInputs(spec.shaped, { batch: 1, ...size });
    const data = Object.fromEntries([...inputs].map(([name, tensor]) => [name, Float32Array.from(tensor.data)]));
    const session = await AttentionSession.create(spec.loaded, size);
    const rows = (out: Float32Array) => out.subarray(first * 6 * 12, end * 6 * 12);
    const clean = rows(await session.run({ ...data, ...given }, size));
    // What is read of a hidden key has no weight, but a NaN among the values spreads whatever its weight.
    data.k?.fill(Number.NaN, from * 2 * 16, to * 2 * 16);
    data.v?.fill(Number.NaN, from * 2 * 12, to * 2 * 12);
    expect(rows(await session.run({ ...data, ...given }, size))).toEqual(clean);
    expect(clean.every(Number.isFinite)).toBe(true);
    expect(clean.some((value) => value !== 0)).toBe(true);
    session.dispose();
    spec.loaded.dispose();
  });
});

it('kernels look for them where masks are given with the call, and nowhere else', () => {
  const looks = (mask: string) =>
    compileModule(shapedOf(yamlOf(mask)), [profiles.matrix, roomy]).definition.variants.flatMap(
      ({ kernels, prefill }) =>
        prefill.flatMap(({ kernel }) =>
          /_(tile|matrix)_/.test(kernel) ? [kernels[kernel]?.code.includes('open_columns')] : [],
        ),
    );
  expect(new Set(looks('causal: true, documents: true'))).toEqual(new Set([true]));
  expect(new Set(looks('padding: keys'))).toEqual(new Set([true]));
  expect(new Set(looks('causal: true, window: 40, memory: always'))).toEqual(new Set([false]));
});
