import { describe, expect, it } from 'vitest';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { type VariantHost, variantObstacle } from '../../src/runtime/abi1/device.ts';

const { matrix } = profiles;
const block = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 };

/** An adapter with all that the variant needs, and such matrices. */
const adapterWith = (subgroupMatrixConfigs: readonly object[]) =>
  ({
    features: new Set(matrix.features),
    limits: matrix.limits,
    info: { subgroupMinSize: 32, subgroupMaxSize: 32, subgroupMatrixConfigs },
  }) as unknown as VariantHost;

const obstacle = (configs: readonly object[]) =>
  variantObstacle({ ...matrix, limits: { ...matrix.limits } }, adapterWith(configs))?.message;

describe('a variant with subgroup matrices', () => {
  it('needs blocks of 16 × 16 × 16 of f16 with f32 results, and no others', () => {
    expect(obstacle([block])).toBeUndefined();
    expect(obstacle([{ ...block, N: 8 }, block])).toBeUndefined();
  });

  it('does not run where they are of another size or precision', () => {
    expect(obstacle([{ ...block, N: 8 }])).toContain('subgroup matrices of 16 × 16 × 16');
    expect(obstacle([{ ...block, resultComponentType: 'f16' }])).toContain('subgroup matrices of 16 × 16 × 16');
  });
});
