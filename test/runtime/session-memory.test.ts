import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { createNullDevice } from '../../src/node/adapter.ts';
import { AttentionSession, LoadedModule, Session } from '../../src/runtime/abi1/index.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { shapedOf } from '../numeric/harness.ts';

const headDim = 24;
const capacity = 512;

const modelOf = (kvHeads: number, cache: 'f32' | 'f16') =>
  shapedOf(
    `
model: { vocab: 33, hidden: 64, layers: 3, context: 1024 }
attention: { q_heads: 16, kv_heads: ${kvHeads}, head_dim: ${headDim}, memory_kv: { slots: 4 }, mask: { causal: true }, cache: { dtype: ${cache} } }
mlp: { activation: silu, width: 32 }`.trim(),
  );

/** What a session adds to the ledger. The null backend allocates nothing, and the ledger counts the same. */
async function sessionEntries(kvHeads: number, cache: 'f32' | 'f16') {
  const shaped = modelOf(kvHeads, cache);
  const device = await createNullDevice();
  const weights = await randomCheckpoint(shaped, 1);
  const module = await LoadedModule.load(compileModule(shaped).definition, { device, weights });
  const before = new Set(module.ledger.entries());
  await Session.create(module, { batch: 2, capacity, chunk: 16 });
  const entries = module.ledger.entries().filter((entry) => !before.has(entry));
  device.destroy();
  return entries;
}

const bytesOfCaches = (entries: readonly { readonly name: string; readonly bytes: number }[]) =>
  entries.filter(({ name }) => name.includes('.cache.')).reduce((sum, { bytes }) => sum + bytes, 0);

describe('KV memory', () => {
  it.each([
    ['f32', 4],
    ['f16', 2],
  ] as const)('of 16 query heads on 8 KV heads is exactly half that of 16 on 16, %s', async (cache, bytes) => {
    const grouped = await sessionEntries(8, cache);
    const full = await sessionEntries(16, cache);
    expect(bytesOfCaches(grouped)).toBe(3 * 2 * (2 * 8 * capacity * headDim) * bytes);
    expect(2 * bytesOfCaches(grouped)).toBe(bytesOfCaches(full));
  });

  it('has no buffer of the size of repeated keys', async () => {
    const entries = await sessionEntries(8, 'f32');
    const repeated = 2 * 16 * capacity * headDim * 4;
    expect(entries.length).toBeGreaterThan(10);
    for (const { name, bytes } of entries) expect(bytes, name).toBeLessThan(repeated);
    const ofOneCache = repeated / 2;
    for (const { name, bytes } of entries) if (!name.includes('.cache.')) expect(bytes, name).toBeLessThan(ofOneCache);
  });

  it('is not copied by attention alone either', async () => {
    const shaped = shapedOf('attention: { q_heads: 32, kv_heads: 1, head_dim: 64, memory_kv: { slots: 8 } }');
    const device = await createNullDevice();
    const module = await LoadedModule.load(compileModule(shaped).definition, {
      device,
      weights: await randomCheckpoint(shaped, 1),
    });
    await AttentionSession.create(module, { tokens: 1, keys: 4096 });
    const keys = 4096 * 64 * 4;
    for (const { name, bytes } of module.ledger.entries()) expect(bytes, name).toBeLessThanOrEqual(keys);
    device.destroy();
  });
});
