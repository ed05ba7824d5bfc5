import { describe, expect, it } from 'vitest';
import { type Compiled, compileModule } from '../../src/compiler/compile.ts';
import type { ModuleDefinition } from '../../src/runtime/abi1/index.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

const model = `
model: { vocab: 40, hidden: 36, layers: 2, context: 64, tie_embeddings: true }
attention: { q_heads: 4, kv_heads: 2, head_dim: 12, qk_norm: { kind: l2 }, rope: { dim: 8, pairing: interleaved }, memory_kv: { slots: 3, normalized: true }, mask: { causal: true }CACHE }
mlp: { activation: silu, width: 50 }
weights: { dtype: f16 }`.trim();
const heads = 'attention: { q_heads: 6, kv_heads: 2, head_dim: 10, memory_kv: { slots: 3 }, mask: { causal: true } }';
const block =
  'attention: { hidden: 20, q_heads: 6, kv_heads: 2, head_dim: 10, rope: { dim: 4, pairing: half }, mask: { causal: true } }';

async function verify(yaml: string, change: (compiled: Compiled) => Compiled = (compiled) => compiled) {
  const shaped = shapedOf(yaml);
  const checkpoint = await randomCheckpoint(shaped, 5);
  return verifyModule(shaped, change(compileModule(shaped)), { device: gpu.device, checkpoint, tokens: 11, seed: 3 });
}

/** The module with a text replaced in every kernel that has it. */
function withKernels(compiled: Compiled, from: string, to: string): Compiled {
  let changed = 0;
  const definition: ModuleDefinition = {
    ...compiled.definition,
    variants: compiled.definition.variants.map((variant) => ({
      ...variant,
      kernels: Object.fromEntries(
        Object.entries(variant.kernels).map(([name, kernel]) => {
          if (kernel.code.includes(from)) changed++;
          return [name, { ...kernel, code: kernel.code.replaceAll(from, to) }];
        }),
      ),
    })),
  };
  if (changed === 0) throw new Error(`no kernel has ${from}`);
  return { ...compiled, definition };
}

describe('verifyModule', () => {
  it.each([
    ['a model', model.replace('CACHE', '')],
    ['a model with an f16 cache', model.replace('CACHE', ', cache: { dtype: f16 }')],
    ['a model with an int8 cache', model.replace('CACHE', ', cache: { dtype: int8 }')],
    ['given heads', heads],
    ['attention with projections', block],
  ])('finds every kernel of %s within its tolerance', async (_, yaml) => {
    const { entries } = await verify(yaml);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    const stages = new Set(entries.map(({ stage }) => stage));
    expect(stages).toContain('prefill');
    expect(stages).toContain('decode');
    const { definition } = compileModule(shapedOf(yaml));
    const verified = new Set(entries.flatMap(({ kernels }) => kernels));
    for (const { id, kernels } of definition.variants) {
      if (!entries.some(({ variant }) => variant === id)) continue;
      for (const kernel of Object.keys(kernels)) expect(verified).toContain(kernel);
    }
  });

  it.each([
    ['a wrong scale', 'const SCALE_LOG2E: f32 = 0.', 'const SCALE_LOG2E: f32 = 1.', 'attention'],
    ['a query head of another group', 'kv_head * QUERIES_PER_KV + member', 'member * KV_HEADS + kv_head', 'attention'],
    ['memory that is one slot short', 'if (column < PREFIX_COLUMNS)', 'if (column < PREFIX_COLUMNS - 1u)', 'attention'],
    ['a causal mask that is off by one', 'sequence.past + token + 1u', 'sequence.past + token + 2u', 'attention'],
    ['an output that is not written', 'if (quad < VALUE_QUADS)', 'if (quad < VALUE_QUADS - 1u)', 'attention_tile'],
  ] as const)('finds %s, in that kernel alone', async (_, from, to, kernel) => {
    const { entries } = await verify(heads, (compiled) => withKernels(compiled, from, to));
    const wrong = entries.filter(({ passed, stage }) => !passed && stage !== 'whole');
    expect(wrong.length).toBeGreaterThan(0);
    for (const { kernels } of wrong) expect(kernels.join()).toContain(kernel);
  });

  it('finds a fault of one kernel of a model where it is, and in the whole run', async () => {
    const yaml = model.replace('CACHE', '');
    const { entries } = await verify(yaml, (compiled) => withKernels(compiled, 'head[e] * turn.x', 'head[e]'));
    const wrong = entries.filter(({ passed }) => !passed);
    const alone = wrong.filter(({ stage }) => stage !== 'whole');
    expect(new Set(alone.map(({ kernels }) => kernels.join().replace(/_\d.*/, '')))).toEqual(new Set(['append']));
    // One kernel, whose nodes are compared each by itself.
    expect(new Set(alone.map(({ tensor }) => tensor))).toEqual(new Set(['q', 'layers.{i}.cache.k']));
    expect(wrong.some(({ stage }) => stage === 'whole')).toBe(true);
  });

  it('finds a sampler that ignores top_k', async () => {
    const yaml = model.replace('CACHE', '');
    const { entries } = await verify(yaml, (compiled) =>
      withKernels(compiled, 'sampling.top_k > 0u', 'sampling.top_k > 100000u'),
    );
    const [sampling] = entries.filter(({ stage }) => stage === 'sample');
    expect(sampling?.passed).toBe(false);
    expect(sampling?.details[0]).toMatch(/"topK":\d+.*sequence \d+: \d+, expected \d+/);
    expect(entries.filter(({ passed }) => !passed)).toEqual([sampling]);
  });

  it('says which variants it could not run', async () => {
    const { skipped } = await verify(model.replace('CACHE', ''), ({ definition, ...compiled }) => ({
      ...compiled,
      definition: {
        ...definition,
        variants: definition.variants.map((variant) => ({
          ...variant,
          limits: { ...variant.limits, maxComputeWorkgroupStorageSize: 2 ** 30 },
        })),
      },
    }));
    expect(skipped.length).toBeGreaterThan(0);
    for (const { reason } of skipped) expect(reason).toMatch(/needs/);
  });
});
