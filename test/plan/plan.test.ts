import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import { uniqueNames } from '../../src/compiler/plan/kernel-name.ts';
import type { KernelPlan } from '../../src/compiler/plan/kernel-plan.ts';
import { nodesOf } from '../../src/compiler/plan/planned.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { workgroupBytes } from '../../src/compiler/plan/workgroup-memory.ts';
import { dispatchesByNode, unrolled } from '../../src/verify/node-dispatches.ts';
import { exampleSpec, shapedFrom } from '../ir/specs.ts';
import { kernelSpecs } from '../kernels/specs.ts';

const specs = await kernelSpecs();

const halfKeys = shapedFrom(
  'spec.yaml',
  'gqac: 1\nname: half\nattention: { q_heads: 8, kv_heads: 2, head_dim: 64, mask: { causal: true }, cache: { dtype: f16 } }\n',
);

describe('a program', () => {
  it('has dispatches for every node, in the order of the nodes, for one token and for many', () => {
    for (const [name, shaped] of specs) {
      const module = lower(shaped);
      for (const profile of Object.values(profiles)) {
        const program = planProgram(module, profile);
        const prepared = new Set(program.prepare.map(({ node }) => node));
        const nodes = module.nodes.filter((node) => !prepared.has(node));
        for (const dispatches of [program.prefill, program.decode]) {
          const computed = new Set(
            dispatches.flatMap((dispatch) => [...nodesOf(dispatch), ...(dispatch.prologue ?? [])]),
          );
          expect(
            nodes.filter((node) => !computed.has(node)),
            name,
          ).toEqual([]);
          const written = [...new Set(dispatches.map(({ node }) => node))];
          expect(written, name).toEqual(nodes.filter((node) => written.includes(node)));
        }
      }
    }
  });

  it('is what the definition runs, layer by layer', () => {
    for (const [name, shaped] of specs) {
      const { definition, programs } = compileModule(shaped);
      for (const { id, prefill, decode } of definition.variants) {
        const program = programs.find(({ profile }) => profile.id === id);
        if (program === undefined) throw new Error(`${name} has no program ${id}`);
        for (const [planned, declared] of [
          [program.prefill, prefill],
          [program.decode, decode],
        ] as const) {
          const nodes = dispatchesByNode(planned, declared);
          expect(new Set([...nodes.values()].flat()), name).toEqual(new Set(unrolled(declared)));
        }
      }
    }
  });

  it('writes each layer of a model once', async () => {
    const { variants } = compileModule(await exampleSpec('shakespeare-minimind-gqa')).definition;
    for (const { prefill } of variants) {
      expect(prefill.filter(({ layers }) => layers !== undefined).every(({ layers }) => layers?.join() === '0,4')).toBe(
        true,
      );
      expect(prefill.length).toBeLessThan(20);
      expect(unrolled(prefill).length).toBeGreaterThan(40);
    }
  });

  it('gives the reason of each form of attention that it did not take', () => {
    const wide = [...specs.values()].find(({ layers }) => (layers[0]?.attention.headDim ?? 0) === 256);
    if (wide === undefined) throw new Error('no spec has heads of 256');
    const { rejected } = planProgram(lower(wide), profiles.baseline);
    expect(rejected.length).toBeGreaterThan(0);
    for (const { variant, reason } of rejected) {
      expect(variant).toMatch(/^tile \d+ × \d+, f(16|32)$/);
      expect(reason).toMatch(/^(needs \d+ (bytes of workgroup memory|registers)|keys are f32$)/);
    }
  });

  it('multiplies in f16 where keys are, and redoes in f32 what is marked, with the same rows', () => {
    const tilesOf = (maxStorageBuffersPerShaderStage: number) => {
      const limits = { ...profiles.f16.limits, maxStorageBuffersPerShaderStage };
      const { prefill, scratch } = planProgram(lower(halfKeys), { ...profiles.f16, limits });
      const plans = prefill.flatMap(({ plan }) => (plan.stage === 'attention_tile' ? [plan] : []));
      return { plans, marks: scratch.filter(({ name }) => name.startsWith('marks')) };
    };
    const { plans, marks } = tilesOf(8);
    expect(plans.map(({ products, marks: use }) => [products, use])).toEqual([
      ['f16', 'written'],
      ['f32', 'read'],
    ]);
    expect(plans[0]?.tileRows).toBe(plans[1]?.tileRows);
    expect(marks).toHaveLength(1);
    const { plans: scarce } = tilesOf(4);
    expect(scarce.map(({ products, marks: use }) => [products, use])).toEqual([['f32', undefined]]);
  });

  it('has as many keys as rows in a tile of f32, whose slices fill the memory that every device has', () => {
    const text = 'gqac: 1\nname: wide\nattention: { q_heads: 2, kv_heads: 1, head_dim: 128 }\n';
    const { prefill } = planProgram(lower(shapedFrom('spec.yaml', text)), profiles.baseline);
    const [plan] = prefill.flatMap((one) => (one.plan.stage === 'attention_tile' ? [one.plan] : []));
    expect(plan).toMatchObject({ tileRows: 64, tileKeys: 64 });
    expect(workgroupBytes(plan?.workgroup ?? [])).toBe(16_384);
  });

  it('fits smaller and larger workgroup memories, and takes separate steps where no tile fits', () => {
    const [shaped] = specs.values();
    if (shaped === undefined) throw new Error('there are no specs');
    const tileOf = (bytes: number) => {
      const limits = { ...profiles.baseline.limits, maxComputeWorkgroupStorageSize: bytes };
      const { prefill } = planProgram(lower(shaped), { ...profiles.baseline, limits });
      const plan = prefill.map((dispatch) => dispatch.plan).find(({ stage }) => stage === 'attention_tile');
      return plan?.stage === 'attention_tile' ? plan.tileRows * plan.tileKeys : 0;
    };
    expect(tileOf(32_768)).toBeGreaterThanOrEqual(tileOf(16_384));
    expect(tileOf(8_192)).toBeLessThan(tileOf(16_384));
    expect(tileOf(64)).toBe(0);
  });
});

describe('names of kernels', () => {
  it('are shared by equal plans and by no others', () => {
    const norm = (eps: number): KernelPlan => ({
      stage: 'norm',
      kind: 'rms',
      width: 64,
      eps,
      weight: 'plain',
      bias: false,
      accumulate: false,
      y: 'f32',
      threads: 64,
      workgroup: [],
    });
    const nameOf = uniqueNames([norm(1), norm(2), norm(1), norm(3)]);
    expect([norm(1), norm(2), norm(3), norm(1)].map(nameOf)).toEqual([
      'norm_rms_64',
      'norm_rms_64_v2',
      'norm_rms_64_v3',
      'norm_rms_64',
    ]);
  });

  it('tell different texts apart in every definition', () => {
    for (const [name, shaped] of specs) {
      for (const { kernels } of compileModule(shaped).definition.variants) {
        const texts = Object.values(kernels).map(({ code }) => code);
        expect(new Set(texts).size, name).toBe(texts.length);
      }
    }
  }, 180_000);
});
