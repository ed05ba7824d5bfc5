import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { AttentionSession, Session, UsageError } from '../../src/runtime/abi1/index.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { checkAttention, codesOf } from '../frontend/helpers.ts';
import { headInputs, loadSpec, shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

const heads = (active: string, more = '') =>
  `attention: { q_heads: 6, kv_heads: 2, head_dim: 8, value_dim: 6, heads: { active: ${active} }, mask: { causal: true }${more} }`;
const model = (active: string) =>
  `model: { vocab: 20, hidden: 16, layers: 2, context: 64 }
attention: { q_heads: 6, kv_heads: 3, head_dim: 8, heads: { active: ${active} }, mask: { causal: true } }
mlp: { activation: silu, width: 16 }`;

const cases = {
  'a list': heads('[0, 2, 5]'),
  'a list that leaves a KV head alone': heads('[1]', ', memory_kv: 2, sinks: true'),
  'a list, interleaved': heads('[4, 1, 0]', ', group_order: interleaved, hidden: 16'),
  'a list, separate steps': heads('[0, 5]', ', normalizer: sigmoid, hidden: 16, gates: { head_scale: true }'),
  'a mask': heads('runtime', ', memory_kv: 2'),
  'a mask, interleaved, under a window': heads('runtime', ', group_order: interleaved').replace(
    'true',
    'true, window: 5',
  ),
  'a mask, separate steps, sinks': heads('runtime', ', normalizer: { kind: topk, k: 4 }, sinks: true'),
  'a mask, paged': heads('runtime', ', hidden: 16, rope: {}, cache: { kind: paged, page_size: 4 }'),
  'masks of a model': model('runtime'),
  'a list of a model': model('[0, 3, 4]'),
};

describe('heads that are not active, on the device', () => {
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

  it.each(['[2, 3]', 'runtime'])('are not read, and have zeros exactly: %s', async (active) => {
    const yaml = `attention: { q_heads: 4, head_dim: 8, heads: { active: ${active} } }`;
    const { loaded, shaped } = await loadSpec(gpu.device, yaml);
    for (const tokens of [1, 40]) {
      const inputs = headInputs(shaped, { batch: 1, tokens, keys: 50 });
      const poisoned = (name: string) =>
        Float32Array.from(inputs.get(name)?.data ?? [], (value, i) => (Math.floor(i / 8) % 4 < 2 ? Number.NaN : value));
      const session = await AttentionSession.create(loaded, { tokens, keys: 50 });
      const mask = active === 'runtime' ? { active_heads: Float32Array.of(0, 0, 1, 1) } : {};
      const out = await session.run({ q: poisoned('q'), k: poisoned('k'), v: poisoned('v'), ...mask });
      for (const [i, value] of out.entries()) {
        if (Math.floor(i / 8) % 4 < 2) expect(value).toBe(0);
        else expect(Math.abs(value)).toBeGreaterThan(0);
      }
    }
  });

  it('take no time', async () => {
    const { loaded, shaped } = await loadSpec(
      gpu.device,
      'attention: { q_heads: 16, kv_heads: 4, head_dim: 32, heads: { active: runtime } }',
    );
    const inputs = headInputs(shaped, { batch: 1, tokens: 256, keys: 256 });
    const session = await AttentionSession.create(loaded, { tokens: 256, keys: 256 });
    const floats = Object.fromEntries([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
    const timeOf = async (active: readonly number[]) => {
      const times: number[] = [];
      for (let run = 0; run < 4; run++) {
        const start = performance.now();
        await session.run({ ...floats, active_heads: Float32Array.from(active) });
        times.push(performance.now() - start);
      }
      return Math.min(...times);
    };
    const all = await timeOf(Array.from({ length: 16 }, () => 1));
    const few = await timeOf(Array.from({ length: 16 }, (_, head) => Number(head % 8 === 0)));
    expect(few).toBeLessThan(all / 2);
  });
});

describe('active heads', () => {
  it('are all of them until a mask is set', async () => {
    const masked = await loadSpec(gpu.device, model('runtime'));
    const plain = await loadSpec(gpu.device, model('[0, 1, 2, 3, 4]').replace(/ heads: [^}]*},/, ''));
    const session = await Session.create(masked.loaded);
    const prompt = [1, 2, 3, 4, 5];
    const expected = await (await Session.create(plain.loaded)).prefill(prompt);
    expect(await session.prefill(prompt)).toEqual(expected);
    session.reset();
    session.setActiveHeads(1, [true, false, true, true, true, true]);
    expect(await session.prefill(prompt)).not.toEqual(expected);
    session.reset();
    session.setActiveHeads(
      1,
      Array.from({ length: 6 }, () => true),
    );
    expect(await session.prefill(prompt)).toEqual(expected);
    expect(() => session.setActiveHeads(2, [])).toThrow('layer 2 of numeric has no mask of heads');
    expect(() => session.setActiveHeads(0, [true])).toThrow(UsageError);
  });

  it.each([
    ['active: [0, 4]', 'SCH002'],
    ['active: [0, 0]', 'SCH002'],
    ['active: []', 'SCH002'],
    ['active: [0, 1, 2, 3]', 'OPT002'],
    ['active: later', 'SCH002'],
  ])('%s is %s', (active, code) => {
    expect(codesOf(checkAttention('q_heads: 4', 'head_dim: 8', `heads: { ${active} }`))).toEqual([code]);
  });

  it('are not mixed', () => {
    const lines = ['q_heads: 4', 'head_dim: 8', 'heads: { active: runtime }', 'head_mixing: [pre]'];
    expect(codesOf(checkAttention(...lines))).toEqual(['SCH004']);
  });
});
