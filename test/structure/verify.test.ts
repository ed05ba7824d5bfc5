import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';
import { modelCases } from './models.ts';

const gpu = useDevice();

describe('a model with', () => {
  it.each(modelCases)('$name computes on the device what the oracle computes', async ({ yaml }) => {
    const shaped = shapedOf(yaml);
    const checkpoint = await randomCheckpoint(shaped, 5);
    const compiled = compileModule(shaped);
    const { entries } = await verifyModule(shaped, compiled, { device: gpu.device, checkpoint, tokens: 11, seed: 3 });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.some(({ stage }) => stage === 'whole')).toBe(true);
  });
});
