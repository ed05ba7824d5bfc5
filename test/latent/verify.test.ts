import { expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';
import { blocks, latentModel, latentRows, model } from './specs.ts';

const gpu = useDevice();

it.each(Object.entries({ ...blocks, ...latentRows, 'a model in f16': model, 'a model with latent rows': latentModel }))(
  '%s: kernels compute what the oracle computes',
  async (_, yaml) => {
    const shaped = shapedOf(yaml);
    const checkpoint = await randomCheckpoint(shaped, 5);
    const compiled = compileModule(shaped);
    const { entries } = await verifyModule(shaped, compiled, { device: gpu.device, checkpoint, tokens: 9, seed: 3 });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    const isLatent = yaml.includes('cache: latent');
    expect(entries.map(({ tensor }) => tensor.split('.').at(-1))).toContain(isLatent ? 'q_in_latent' : 'k_proj');
  },
);
