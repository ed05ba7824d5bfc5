import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';
import { mixtures } from './mixtures.ts';

const gpu = useDevice();

describe('a mixture of experts', () => {
  it.each(Object.entries(mixtures))('%s: kernels compute what the oracle computes', async (_, yaml) => {
    const shaped = shapedOf(yaml);
    const checkpoint = await randomCheckpoint(shaped, 5);
    const compiled = compileModule(shaped);
    const { entries } = await verifyModule(shaped, compiled, { device: gpu.device, checkpoint, tokens: 9, seed: 3 });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    const verified = new Set(entries.flatMap(({ kernels }) => kernels));
    for (const { id, kernels } of compiled.definition.variants) {
      if (!entries.some(({ variant }) => variant === id)) continue;
      for (const kernel of Object.keys(kernels)) expect(verified).toContain(kernel);
    }
  });
});
