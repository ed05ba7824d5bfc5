import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { extentAt, times } from '../../src/compiler/plan/extents.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { scratch, sharedScratch } from '../../src/compiler/plan/scratch.ts';
import { shapedFrom } from '../ir/specs.ts';

const call = { B: 2, I: 600, J: 600, C: 600, P: 0, L: 2, X: 0 };

const layersOf = (...qHeads: readonly number[]) => {
  const kinds = qHeads.map((count, index) => `k${index}: { attention: { q_heads: ${count} } }`).join(', ');
  const pattern = qHeads.map((_, index) => `k${index}`).join(', ');
  return lower(
    shapedFrom(
      'spec.yaml',
      `gqac: 1
name: layers
model: { vocab: 50, hidden: 256, layers: ${qHeads.length}, context: 4096 }
attention: { q_heads: 4, kv_heads: 2, head_dim: 64, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { activation: silu, width: 48 }
layers: { kinds: { ${kinds} }, pattern: [${pattern}] }
`,
    ),
  );
};

/** Elements of each buffer, by name. */
const sizesOf = (profile: keyof typeof profiles, ...qHeads: readonly number[]) =>
  new Map(
    planProgram(layersOf(...qHeads), profiles[profile]).scratch.map(
      ({ name, shape }) => [name, extentAt(times(...shape), call)] as const,
    ),
  );

describe('scratch of one name', () => {
  it.each(['f16', 'matrix'] as const)('has room for the layer that needs most of it, on %s', (profile) => {
    const mixed = sizesOf(profile, 16, 4, 16, 4);
    const alone = [sizesOf(profile, 16), sizesOf(profile, 4)];
    const shared = [...mixed.keys()].filter((name) => alone.every((sizes) => sizes.has(name)));
    expect(shared).toContain(profile === 'f16' ? 'marks_2_64' : 'marks_2_128');
    for (const name of shared)
      expect(mixed.get(name), name).toBe(Math.max(...alone.map((sizes) => sizes.get(name) ?? 0)));
  });

  it('is what it was where all are alike', () => {
    const one = scratch('a', 'u32', ['B', 'I']);
    expect(sharedScratch([one, scratch('b', 'f32', [4]), { ...one }])).toEqual([one, scratch('b', 'f32', [4])]);
  });
});

describe('schedules', () => {
  it('without a field are refused', () => {
    const { headSlice, ...incomplete } = {
      products: 'f32',
      rowLanes: 16,
      rowsEach: 2,
      keyLanes: 8,
      keyVectors: 1,
      headSlice: 8,
    } as const;
    const plan = (schedule: object) =>
      planProgram(layersOf(4), { ...profiles.baseline, schedules: { attention_tile: [schedule as never] } });
    expect(() => plan(incomplete)).toThrow('`headSlice` is missing or wrong in a schedule of attention_tile');
    expect(() => plan({ ...incomplete, headSlice: Number.NaN })).toThrow('headSlice');
    expect(plan({ ...incomplete, headSlice }).prefill).toContainEqual(
      expect.objectContaining({ plan: expect.objectContaining({ stage: 'attention_tile', rowsEach: 2 }) }),
    );
  });
});
