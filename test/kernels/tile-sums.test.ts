import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';

/** A constant of the kernel that multiplies in f16. */
function constantOf(name: string, headDim: number, scale?: number): number {
  const text = `gqac: 1
name: sums
attention: { q_heads: 2, head_dim: ${headDim}${scale === undefined ? '' : `, scale: ${scale}`}, cache: { dtype: f16 } }
`;
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const [variant] = compileModule(shaped, [profiles.f16]).definition.variants;
  const [code] = Object.values(variant?.kernels ?? {}).flatMap((kernel) =>
    kernel.code.includes('var pairs_0_0') ? [kernel.code] : [],
  );
  return Math.fround(Number(code?.match(new RegExp(`const ${name}(?:: f32)? = ([^;]+);`))?.[1]));
}

describe('sums of f16', () => {
  it('start about one logit below zero', () => {
    expect(constantOf('START', 64)).toBe(8);
    expect(constantOf('START', 128)).toBe(8);
    expect(constantOf('START', 256)).toBe(16);
  });

  it('start where f16 has a number, whatever the scale', () => {
    for (const scale of [1, 3, 0.3, 1e-3, 1e-9, 1e9, -0.5]) {
      const start = constantOf('START', 64, scale);
      expect(Number.isInteger(Math.log2(start)), `${scale}`).toBe(true);
      expect(start, `${scale}`).toBeGreaterThanOrEqual(2 ** -14);
      expect(start, `${scale}`).toBeLessThanOrEqual(2 ** 15);
    }
  });

  it('have scores that make up for all their starts: two for each 128 entries, or 32 of narrow heads', () => {
    for (const [headDim, sums] of [
      [32, 1],
      [64, 2],
      [80, 3],
      [96, 1],
      [128, 1],
      [256, 2],
    ] as const)
      expect(constantOf('STARTS', headDim) / constantOf('START', headDim), `${headDim}`).toBe(2 * sums);
  });

  it('are never allowed what f16 does not hold', () => {
    for (const scale of [1, 1e-3, 1e-9]) expect(constantOf('MOST_SUM', 64, scale), `${scale}`).toBeLessThan(65504);
  });
});
