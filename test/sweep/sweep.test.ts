import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { createNullDevice, type OpenedDevice, openDevice } from '../../src/node/adapter.ts';
import { drawing } from './draw.ts';
import { randomSpec } from './random-specs.ts';
import { sweepAttention, sweepModel } from './sweep.ts';

let opened: OpenedDevice;
beforeAll(async () => {
  opened = await openDevice();
});
afterAll(() => opened.device.destroy());

/** A few of what `npm run sweep` draws, small enough for the software adapter. */
const small = () => ({ device: opened.device, profile: profiles.baseline, calls: 3, budget: 1e7 });

it.each([1, 2, 3, 4, 5, 6, 7, 8])('the kernels of random attention %i agree with the reference', async (seed) => {
  const results = await sweepAttention(seed, small());
  expect(results).toHaveLength(3);
  expect(results.filter(({ passed }) => !passed)).toEqual([]);
});

it.each([1, 2])('the kernels of random model %i agree with the reference', async (seed) => {
  const results = await sweepModel(seed, small());
  expect(results.length).toBeGreaterThan(20);
  expect(results.filter(({ passed }) => !passed)).toEqual([]);
});

it('matrix kernels of random attentions are valid', { timeout: 120_000 }, async () => {
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
  const device = await createNullDevice({}, features);
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { shaped, text } = randomSpec(drawing(seed));
    const { definition } = compileModule(shaped, [profiles.matrix]);
    for (const { kernels } of definition.variants)
      for (const [name, { code }] of Object.entries(kernels)) {
        if (!name.startsWith('attention') || seen.has(code)) continue;
        seen.add(code);
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        expect(
          messages.filter(({ type }) => type === 'error').map(({ message }) => message),
          text,
        ).toEqual([]);
      }
  }
  expect(seen.size).toBeGreaterThan(100);
});
