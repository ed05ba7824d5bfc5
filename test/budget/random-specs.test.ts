import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Breach, breachesOf } from '../../src/compiler/budget/breaches.ts';
import { allProfiles, compileModule } from '../../src/compiler/compile.ts';
import { emitWgsl } from '../../src/compiler/emit-wgsl/emit.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { type PrintableValue, printYaml } from '../../src/compiler/syntax/print.ts';

/** Each option with values that may be refused beside others; the checker says which specs there are. */
const attentionOptions = {
  kv_heads: [1, 2],
  group_order: ['interleaved'],
  value_dim: [4, 12],
  similarity: ['l2'],
  qk_norm: [
    { kind: 'l2' },
    { kind: 'rms', weight: 'per_head' },
    [{ kind: 'layer', bias: true }, { kind: 'rms' }],
    { kind: 'layer', weight: 'per_head', bias: true },
  ],
  value_norm: [{}],
  value_residual: [{ mix: 'learned' }],
  rope: [{}, { dim: 4 }],
  alibi: [{}],
  t5_bias: [{}],
  bias: [{ batch: true }],
  memory_kv: [{ slots: 3 }, { slots: 3, normalized: true }],
  zero_kv: [true],
  softcap: [5],
  sinks: [true],
  head_mixing: [['pre', 'post'], ['pre_scale_post']],
  normalizer: ['sigmoid', { kind: 'topk', k: 3 }],
  heads: [{ active: [0, 1] }, { active: 'runtime' }],
  hooks: [{ names: ['scores'] }, { names: ['pattern', 'rot_k', 'q'] }, { names: ['z', 'result'] }],
  gates: [{ head_scale: true, head: true, value: 'silu', output_glu: true }],
  cross: [20],
  inputs: ['split_qkv'],
  biases: [['q', 'k', 'v', 'o']],
  mask: [
    { causal: true },
    { causal: true, window: 5, memory: 'always' },
    { causal: true, padding: 'keys_and_queries', documents: true },
    { padding: 'keys', documents: true, prefix: 'runtime', causal: true },
    { chunk: 4, where: 'k % 2 == 0' },
  ],
  score: ['s * slope[h] - alibi_slope(h) * abs(q - k)'],
  parameters: [{ slope: { axes: ['h'] } }],
  cache: [{ kind: 'paged' }, { dtype: 'f16' }, { kind: 'ring' }, { kind: 'paged', dtype: 'f16' }],
} as const;

/** A few at a time: of many, some two nearly always contradict each other. */
const attention = fc
  .subarray(Object.entries<readonly PrintableValue[]>(attentionOptions), { maxLength: 8 })
  .chain((chosen) => fc.record(Object.fromEntries(chosen.map(([key, values]) => [key, fc.constantFrom(...values)]))));
/** Few heads and many; widths that a tile holds, and that none does. */
const sizes = fc.constantFrom(
  { q_heads: 4, head_dim: 8 },
  { q_heads: 4, head_dim: 8, hidden: 32 },
  { q_heads: 320, head_dim: 4, hidden: 32 },
  { q_heads: 4, head_dim: 640, hidden: 32 },
);
const model = { vocab: 40, hidden: 32, layers: 2, context: 20_000 };
const mlp = { activation: 'silu', width: 48 };

const specs = fc.tuple(sizes, attention, fc.boolean()).map(([size, options, isModel]) => {
  const { hidden: _, ...own } = { hidden: 0, ...size };
  const spec = { gqac: 1, name: 'random', attention: { ...(isModel ? own : size), ...options } };
  return printYaml(isModel ? { ...spec, model, mlp } : spec);
});

/** What grows with sizes alone is for `--target` to say; how many buffers and workgroups there are, the plan has in its hand. */
const isOfPlan = ({ code }: Breach) => code === 'TGT003' || code === 'TGT005' || code === 'TGT002';

it('plans of every spec that passes the checker are within the limits of their profiles', { timeout: 120_000 }, () => {
  let planned = 0;
  fc.assert(
    fc.property(specs, (text) => {
      const { shaped } = checkSpec({ path: 'spec.yaml', text });
      if (shaped === undefined) return;
      planned += 1;
      const { module, programs } = compileModule(shaped);
      for (const program of programs) {
        expect(breachesOf(shaped, module, program).filter(isOfPlan)).toEqual([]);
        for (const { plan } of [...program.prepare, ...program.prefill, ...program.decode]) {
          const bound = emitWgsl(plan).bindings.filter(({ access }) => access !== 'uniform');
          expect(bound.length, plan.stage).toBeLessThanOrEqual(program.profile.limits.maxStorageBuffersPerShaderStage);
        }
      }
    }),
    { numRuns: 600, seed: 7 },
  );
  // Most random specs contradict themselves somewhere.
  expect(planned).toBeGreaterThan(30);
});

it.each(allProfiles)('$id: takes the same few options to more heads than one axis has workgroups', (profile) => {
  const text = printYaml({
    gqac: 1,
    name: 'wide',
    model,
    mlp,
    attention: { q_heads: 1024, head_dim: 4, normalizer: 'sigmoid', head_mixing: ['pre'], mask: { causal: true } },
  });
  const { shaped } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error('refused');
  const { module, programs } = compileModule(shaped, [profile]);
  for (const program of programs)
    expect(breachesOf(shaped, module, program).filter(({ code }) => code === 'TGT005')).toEqual([]);
});
