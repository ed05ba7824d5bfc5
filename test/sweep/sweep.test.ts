import { afterAll, beforeAll, expect, it } from 'vitest';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { type OpenedDevice, openDevice } from '../../src/node/adapter.ts';
import { sweepSpec } from './sweep.ts';

let opened: OpenedDevice;
beforeAll(async () => {
  opened = await openDevice();
});
afterAll(() => opened.device.destroy());

/** A few of what `npm run sweep` draws, small enough for the software adapter. */
it.each([1, 2, 3, 4, 5, 6, 7, 8])('the kernels of random spec %i agree with the reference', async (seed) => {
  const { device } = opened;
  const results = await sweepSpec(seed, { device, profile: profiles.baseline, calls: 3, budget: 1e7 });
  expect(results).toHaveLength(3);
  expect(results.filter(({ passed }) => !passed)).toEqual([]);
});
