import { describe, expect, it } from 'vitest';
import { AttentionSession, type LoadedModule, Session, UsageError } from '../../src/runtime/abi1/index.ts';
import { PageTable } from '../../src/runtime/abi1/page-table.ts';
import { loadSpec, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();
const model = (mask: string, cache: string, context = 128) =>
  `model: { vocab: 20, hidden: 16, layers: 2, context: ${context} }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, rope: {}, memory_kv: 2, mask: { ${mask} }, cache: { ${cache} } }
mlp: { activation: silu, width: 16 }`;
const prompt = (length: number, seed = 3) => Array.from({ length }, (_, at) => (at * at * 7 + seed) % 20);
const bytesOf = ({ ledger }: LoadedModule, name: RegExp) =>
  ledger.entries().reduce((sum, entry) => sum + (name.test(entry.name) ? entry.bytes : 0), 0);

/** Logits of a ragged prompt in pieces, of a second one, and of single tokens. */
async function logitsOf(module: LoadedModule): Promise<readonly number[]> {
  const session = await Session.create(module, { batch: 3, chunk: 8 });
  const all: number[] = [];
  all.push(...(await session.prefill([prompt(41), prompt(3), prompt(17)])).data);
  all.push(...(await session.prefill([prompt(5, 1), prompt(20, 2), prompt(1)])).data);
  for (let i = 0; i < 12; i++) all.push(...(await session.step([i, 19 - i, (5 * i) % 20])).data);
  session.reset();
  all.push(...(await session.prefill([prompt(9), prompt(9, 5), prompt(2)])).data);
  session.dispose();
  return all;
}

describe('the text does not depend on how the cache is stored', () => {
  const window = 'causal: true, window: 6, memory: always';
  it.each([
    ['a ring', window, 'kind: ring, prefill_chunk: 8'],
    ['a ring of chunks', 'causal: true, chunk: 6', 'kind: ring, prefill_chunk: 8, dtype: f16'],
    ['pages', 'causal: true', 'kind: paged, page_size: 4'],
    ['pages, f16', window, 'kind: paged, page_size: 16, dtype: f16'],
  ])('%s gives the bits of dense', async (_, mask, cache) => {
    const dense = await loadSpec(gpu.device, model(mask, cache.includes('f16') ? 'dtype: f16' : ''));
    const other = await loadSpec(gpu.device, model(mask, cache));
    expect(await logitsOf(other.loaded)).toEqual(await logitsOf(dense.loaded));
  });
});

describe('a session with a ring', () => {
  it('has rows of the window only, however long it runs', async () => {
    const cache = 'kind: ring, prefill_chunk: 8';
    const { loaded } = await loadSpec(gpu.device, model('causal: true, window: 6, memory: always', cache, 4096));
    const session = await Session.create(loaded);
    expect(bytesOf(loaded, /cache/)).toBe(2 * 2 * 2 * 13 * 8 * 4);
    await expect(Session.create(loaded, { chunk: 9 })).rejects.toThrow('chunk is 9: it must be an integer from 1 to 8');
    await session.prefill(prompt(100));
    expect(session.past).toEqual([100]);
  });

  it('goes back as far as it still has what is seen from there, and no further', async () => {
    const mask = 'causal: true, window: 6, memory: always';
    const { loaded } = await loadSpec(gpu.device, model(mask, 'kind: ring, prefill_chunk: 8'));
    const ids = prompt(30);
    const fresh = await (await Session.create(loaded)).prefill([...ids.slice(0, 22), 7]);
    const session = await Session.create(loaded);
    await session.prefill(ids);
    expect(session.canRewind(21)).toBe(false);
    expect(() => session.rewind(21)).toThrow('the ring cache has overwritten what they see');
    session.rewind(22);
    const again = await session.prefill([7]);
    expect(Math.max(...again.data.map((value, i) => Math.abs(value - (fresh.data[i] ?? Number.NaN))))).toBeLessThan(
      1e-4,
    );
  });

  it('of attention alone takes no longer call than it has room for', async () => {
    const { loaded } = await loadSpec(
      gpu.device,
      'attention: { hidden: 16, q_heads: 4, mask: { causal: true, window: 6 }, cache: { kind: ring, capacity: 9 } }',
    );
    await expect(AttentionSession.create(loaded, { tokens: 5, keys: 20 })).rejects.toThrow('has room for 4');
    await AttentionSession.create(loaded, { tokens: 4, keys: 20 });
  });
});

describe('a session with pages', () => {
  const load = () => loadSpec(gpu.device, model('causal: true', 'kind: paged, page_size: 4', 64));

  it('shares them among sequences, and says when they are too few', async () => {
    const { loaded } = await load();
    const session = await Session.create(loaded, { batch: 3, pages: 10 });
    expect(bytesOf(loaded, /cache/)).toBe(2 * 2 * 10 * 2 * 4 * 8 * 4);
    await session.prefill([prompt(20), prompt(1), prompt(9)]);
    await expect(session.prefill([prompt(1), prompt(8), prompt(1)])).rejects.toThrow(
      'free pages of the cache are too few',
    );
    expect(session.past).toEqual([20, 1, 9]);
    await session.step([1, 2, 3]);
    session.reset();
    await session.prefill([prompt(4), prompt(28), prompt(8)]);
    await expect(Session.create(loaded, { pages: 17 })).rejects.toThrow(UsageError);
  });

  it('ends a text where they end', async () => {
    const { loaded } = await load();
    const session = await Session.create(loaded, { pages: 3 });
    const text: number[] = [];
    for await (const token of session.generate(prompt(7))) text.push(token);
    expect(text).toHaveLength(6);
  });

  it('has none without a paged cache', async () => {
    const { loaded } = await loadSpec(gpu.device, model('causal: true', ''));
    await expect(Session.create(loaded, { pages: 1 })).rejects.toThrow('has no pages');
  });

  it('of attention alone reads the table that the app writes', async () => {
    const yaml = (cache: string) =>
      `attention: { hidden: 16, q_heads: 4, kv_heads: 2, mask: { causal: true }, cache: { ${cache} } }`;
    const inputs = Float32Array.from({ length: 2 * 9 * 16 }, (_, i) => Math.sin(i));
    const run = async (module: LoadedModule, table?: readonly number[]) => {
      const session = await AttentionSession.create(module, { batch: 2, tokens: 9, keys: 12 });
      if (table) gpu.device.queue.writeBuffer(session.buffer('page_table'), 0, Uint32Array.from(table));
      return session.run({ hidden_in: inputs });
    };
    const paged = (await loadSpec(gpu.device, yaml('kind: paged, page_size: 4'))).loaded;
    const expected = await run((await loadSpec(gpu.device, yaml(''))).loaded);
    expect(await run(paged)).toEqual(expected);
    expect(await run(paged, [4, 1, 5, 3, 2, 0])).toEqual(expected);
    expect(await run(paged, [0, 0, 0, 0, 0, 0])).not.toEqual(expected);
  });
});

describe('a table of pages', () => {
  it('gives pages as sequences grow, each to one, and takes all back', () => {
    const table = new PageTable({ batch: 2, capacity: 10, pageSize: 4, pages: 5 });
    expect([...(table.grow([1, 5]) ?? [])]).toEqual([0, 0, 0, 1, 2, 0]);
    expect(table.grow([4, 8])).toBeUndefined();
    expect([...(table.grow([5, 9]) ?? [])]).toEqual([0, 3, 0, 1, 2, 4]);
    expect(table.fits([9, 9])).toBe(false);
    expect(() => table.grow([9, 9])).toThrow('1 more pages are needed, 0 are free');
    table.clear();
    expect(new Set(table.grow([9, 8])?.subarray(0, 5))).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});
