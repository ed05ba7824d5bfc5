import { describe, expect, it } from 'vitest';
import { AttentionSession, deviceTensor, Session, UsageError } from '../../src/runtime/abi1/index.ts';
import { headInputs, loadSpec, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();
const model = (mask: string) =>
  `model: { vocab: 20, hidden: 16, layers: 1, context: 64 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 8, mask: { ${mask} } }
mlp: { activation: silu, width: 16 }`;

const prompt = (length: number) => Array.from({ length }, (_, at) => (at * 7 + 3) % 20);
const distance = (a: Float32Array, b: Float32Array) =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN)))) : Number.NaN;

describe('a session of a model with a prefix', () => {
  it('runs the prefix at once, however long the chunks are', async () => {
    const { loaded } = await loadSpec(gpu.device, model('causal: true, prefix: 5'));
    const prompts = [prompt(23), prompt(4), prompt(12)];
    const whole = await (await Session.create(loaded, { batch: 3, logits: 'all' })).prefill(prompts);
    for (const chunk of [5, 6, 11]) {
      const pieces = await (await Session.create(loaded, { batch: 3, logits: 'all', chunk })).prefill(prompts);
      expect(distance(pieces.data, whole.data), `chunks of ${chunk}`).toBeLessThan(1e-5);
    }
    await expect(Session.create(loaded, { chunk: 4 })).rejects.toThrow('the prefix of 5 tokens has to be run at once');
  });

  it('takes one for each sequence', async () => {
    const { loaded } = await loadSpec(gpu.device, model('causal: true, prefix: runtime'));
    const fixed = await loadSpec(gpu.device, model('causal: true, prefix: 6'));
    const plain = await loadSpec(gpu.device, model('causal: true'));
    const session = await Session.create(loaded, { batch: 2, chunk: 7 });
    const both = await session.prefill([prompt(20), prompt(9)], { prefix: [6, 0] });
    const next = await session.step([1, 2]);
    for (const [b, { loaded: other }] of [fixed, plain].entries()) {
      const alone = await Session.create(other);
      const own = (data: Float32Array) => data.subarray(b * 20, (b + 1) * 20);
      expect(distance(own(both.data), (await alone.prefill(prompt(b === 0 ? 20 : 9))).data)).toBeLessThan(1e-5);
      expect(distance(own(next.data), (await alone.step(b + 1)).data)).toBeLessThan(1e-5);
    }
    await expect(session.prefill([[1], [1]], { prefix: 2 })).rejects.toThrow('belongs to the first call');
    session.reset();
    await expect(session.prefill([[1], [1]], { prefix: 8 })).rejects.toThrow(UsageError);
    await expect((await Session.create(plain.loaded)).prefill([1], { prefix: 1 })).rejects.toThrow('takes no prefix');
  });
});

describe('an attention session', () => {
  it('takes sequences of different lengths, as if each were alone', async () => {
    const { loaded, shaped } = await loadSpec(
      gpu.device,
      'attention: { q_heads: 4, kv_heads: 2, head_dim: 8, memory_kv: 2, mask: { causal: true } }',
    );
    const [tokens, keys] = [
      [5, 0, 3],
      [9, 4, 3],
    ];
    const inputs = headInputs(shaped, { batch: 3, tokens: 5, keys: 9 });
    const floats = (name: string) => Float32Array.from(inputs.get(name)?.data ?? []);
    const session = await AttentionSession.create(loaded, { batch: 3, tokens: 5, keys: 9 });
    const together = await session.run({ q: floats('q'), k: floats('k'), v: floats('v') }, { tokens, keys });
    for (const [b, count] of tokens.entries()) {
      const rows = (name: string, length: number, width: number) =>
        floats(name).slice(b * length * width, (b + 1) * length * width);
      const alone = await AttentionSession.create(loaded, { tokens: 5, keys: 9 });
      const own = together.subarray(b * 5 * 32, (b + 1) * 5 * 32);
      expect(own.subarray(count * 32).every((value) => value === 0)).toBe(true);
      if (count === 0) continue;
      const given = { q: rows('q', 5, 32), k: rows('k', 9, 16), v: rows('v', 9, 16) };
      const out = await alone.run(given, { tokens: count, keys: keys[b] ?? 0 });
      expect(distance(own.subarray(0, count * 32), out)).toBeLessThan(1e-6);
    }
    const refused = (call: object) => expect(session.run({}, call)).rejects.toThrow(UsageError);
    const few = session.run({ q: new Float32Array(3) }, { tokens: 1 });
    await expect(few).rejects.toThrow('3 values are given for q, this call needs [3, 1, 4, 8]');
    await refused({ tokens: [1, 1] });
    await refused({ tokens: [0, 0, 0] });
    await refused({ tokens: [1, 1, 6] });
    await refused({ prefix: 2 });
  });

  it('hides queries before the first key with the padding, whatever the mask of another sequence says', async () => {
    const yaml = (mask: string, more = '') =>
      `attention: { q_heads: 2, head_dim: 4, memory_kv: 1, mask: { ${mask} }${more} }`;
    for (const more of ['', ', normalizer: { kind: topk, k: 9 }']) {
      const [padded, plain] = await Promise.all([
        loadSpec(gpu.device, yaml('causal: true, padding: keys_and_queries', more)),
        loadSpec(gpu.device, yaml('causal: true', more)),
      ]);
      const inputs = headInputs(padded.shaped, { batch: 2, tokens: 5, keys: 3 });
      const given = Object.fromEntries([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
      const size = { batch: 2, tokens: 5, keys: 3 };
      const shown = { ...given, key_mask: new Float32Array(6).fill(1) };
      const out = await (await AttentionSession.create(padded.loaded, size)).run(shown);
      const whole = await (await AttentionSession.create(plain.loaded, size)).run(given);
      const rows = (data: Float32Array, from: number, to: number) =>
        [0, 1].flatMap((b) => [...data.subarray((b * 5 + from) * 8, (b * 5 + to) * 8)]);
      expect(rows(out, 0, 2).every((value) => value === 0)).toBe(true);
      expect(distance(Float32Array.from(rows(out, 2, 5)), Float32Array.from(rows(whole, 2, 5)))).toBeLessThan(1e-6);
    }
  });

  it('says that a bias has no columns of memory', async () => {
    const yaml = 'attention: { q_heads: 2, head_dim: 4, memory_kv: 3, bias: {} }';
    const { loaded } = await loadSpec(gpu.device, yaml);
    const bias = (keys: number) => deviceTensor(gpu.device, 'f32', [1, 2, 5, keys]);
    const create = (keys: number) => AttentionSession.create(loaded, { tokens: 5, keys: 8 }, { bias: bias(keys) });
    await expect(create(11)).rejects.toThrow(
      '[1, 2, 5, 8]: leave out the 3 columns of memory and zero, they need none',
    );
    await expect(create(11)).rejects.toMatchObject({ code: 'MEM004' });
    await expect(create(12)).rejects.toThrow(/needs \[1, 2, 5, 8\] \(MSK001\)$/);
    await expect(create(12)).rejects.toMatchObject({ code: 'MSK001' });
    await create(8);
  });

  it('says that the output has query heads and the width of values', async () => {
    const yaml = 'attention: { q_heads: 4, kv_heads: 2, head_dim: 8, value_dim: 4 }';
    const { loaded } = await loadSpec(gpu.device, yaml);
    const create = (heads: number, width: number) =>
      AttentionSession.create(loaded, { tokens: 5 }, { out: deviceTensor(gpu.device, 'f32', [1, 5, heads, width]) });
    await expect(create(2, 4)).rejects.toMatchObject({ code: 'DIM003' });
    await expect(create(4, 8)).rejects.toThrow('out is [1, 5, 4, 8], this size needs [1, 5, 4, 4] (DIM003)');
    await create(4, 4);
  });

  it('with a cache refuses more new tokens than keys', async () => {
    const { loaded } = await loadSpec(
      gpu.device,
      'attention: { hidden: 16, q_heads: 4, head_dim: 8, mask: { causal: true } }',
    );
    const session = await AttentionSession.create(loaded, { batch: 2, tokens: 4, keys: 8 });
    await expect(session.run({}, { tokens: 3, keys: [3, 2] })).rejects.toThrow(
      'sequence 1 has 3 new tokens and 2 keys',
    );
  });
});
