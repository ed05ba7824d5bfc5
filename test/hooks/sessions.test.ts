import { describe, expect, it } from 'vitest';
import { emitModule } from '../../src/compiler/emit-ts/module.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { AttentionSession, Session, UsageError } from '../../src/runtime/abi1/index.ts';
import { compareRows } from '../../src/verify/compare.ts';
import { randomNumbers, randomValues } from '../../src/verify/random.ts';
import { loadSpec, useDevice } from '../numeric/harness.ts';

const model = `model: { vocab: 20, hidden: 32, layers: 3, context: 24 }
mlp: { activation: silu, width: 40 }
attention: { q_heads: 4, kv_heads: 2, rope: {}, mask: { causal: true }, memory_kv: 2, hooks: { names: [hook_pattern, z, k], layers: [0, 2] } }`;
const alone =
  'attention: { hidden: 32, q_heads: 4, kv_heads: 2, mask: { causal: true }, hooks: [rot_k, scores, result] }';

describe('sessions read hooks', () => {
  const gpu = useDevice();

  it('of the layers that return them, in the extents of the last call', async () => {
    const { loaded, compiled, weights } = await loadSpec(gpu.device, model);
    const session = await Session.create(loaded, { batch: 2 });
    const oracle = createOracle(compiled.module, weights, { batch: 2, capacity: 24 });
    const calls = [
      [
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
      ],
      [[11], [12]],
    ];
    await expect(session.read('layers.0.hooks.z')).rejects.toThrow(/no call yet/);
    for (const ids of calls) {
      await session.prefill(ids);
      const expected = oracle.forward({ ids });
      expect([...expected.keys()].filter((name) => name.includes('.1.'))).toEqual([]);
      for (const name of ['layers.0.hooks.pattern', 'layers.2.hooks.z', 'layers.2.hooks.k']) {
        const { shape, data } = await session.read(name);
        const reference = expected.get(name);
        expect(shape).toEqual(reference?.shape);
        expect(compareRows(data, reference?.data ?? [], shape.at(-1) ?? 1).relativeL2).toBeLessThan(2e-5);
      }
    }
    const { shape } = await session.read('layers.0.hooks.pattern');
    expect(shape).toEqual([2, 4, 1, 2 + 6]);
    await expect(session.read('layers.1.hooks.z')).rejects.toThrow(UsageError);
    loaded.dispose();
  });

  it('of attention by itself, whose results sum to the output', async () => {
    const { loaded } = await loadSpec(gpu.device, alone);
    const session = await AttentionSession.create(loaded, { tokens: 6, keys: 9 });
    const rows = Float32Array.from(randomValues(6 * 32, randomNumbers(3)));
    const out = await session.run({ hidden_in: rows });
    const results = await session.read('hooks.result');
    expect(results.shape).toEqual([1, 6, 4, 32]);
    const sums = Float64Array.from({ length: 6 * 32 }, (_, at) => {
      const [row, entry] = [Math.floor(at / 32), at % 32];
      return [0, 1, 2, 3].reduce((sum, head) => sum + (results.data[(row * 4 + head) * 32 + entry] ?? Number.NaN), 0);
    });
    expect(compareRows(out, sums, 32).relativeL2).toBeLessThan(2e-6);
    const scores = await session.read('hooks.scores');
    expect(scores.shape).toEqual([1, 4, 6, 6]);
    expect(scores.data[1]).toBe(Math.fround(-3e38));
    expect(Math.abs(scores.data[0] ?? 0)).toBeLessThan(100);
    loaded.dispose();
  });

  it('leaves layers that keep no rows to the fused kernels', async () => {
    const { program, loaded } = await loadSpec(gpu.device, model);
    const stagesOf = (layer: number) =>
      program.prefill
        .filter(({ node }) => node?.layer === layer && node.op === 'attention')
        .map(({ plan }) => plan.stage);
    expect(stagesOf(1)).toEqual(['attention_tile']);
    expect(stagesOf(2)).toEqual(['attention_scores', 'attention_softmax', 'attention_values']);
    loaded.dispose();
  });

  it('by names and shapes that the generated module declares', async () => {
    const origin = { gqacVersion: '0', specPath: 'spec.yaml', specSha256: '0', doc: '' };
    const texts = await Promise.all(
      [model, alone].map(async (text) => {
        const { compiled, loaded } = await loadSpec(gpu.device, text);
        loaded.dispose();
        return emitModule(compiled.definition, origin);
      }),
    );
    expect(texts[0]).toContain('export type Model = AnyModel<20, Hooks>;');
    expect(texts[0]).toContain(
      "readonly 'layers.2.hooks.pattern': readonly [B: number, 4, I: number, columns: number];",
    );
    expect(texts[0]).toContain("readonly 'layers.0.hooks.k': readonly [B: number, I: number, 2, 8];");
    expect(texts[1]).toContain("readonly 'hooks.result': DeviceTensor<'f32', readonly [B: number, I: number, 4, 32]>;");
  });
});
