import { afterEach, expect, it } from 'vitest';
import { pollFor, pollPatiently, pollSparsely } from '../../src/node/polling.ts';

const { setImmediate: original } = globalThis;
afterEach(() => Object.assign(globalThis, { setImmediate: original }));

/** What a callback is called with, and when. */
function called(): Promise<readonly [first: string, second: number, at: number]> {
  return new Promise((resolve) => {
    setImmediate((first: string, second: number) => resolve([first, second, performance.now()]), 'a', 2);
  });
}

it.each([
  ['sparsely', pollSparsely, 0.1],
  ['patiently', pollPatiently, 0.9],
] as const)('time passes between callbacks, which are given what is theirs: %s', async (_, poll, least) => {
  poll();
  const [first, second, at] = await called();
  expect([first, second]).toEqual(['a', 2]);
  const [, , next] = await called();
  expect(next - at).toBeGreaterThanOrEqual(least);
});

it('an adapter that computes on the CPU is asked less often than a GPU', () => {
  const scheduled: string[] = [];
  const later = globalThis.setTimeout;
  Object.assign(globalThis, {
    setImmediate: () => scheduled.push('soon'),
    setTimeout: () => scheduled.push('later'),
  });
  for (const kind of ['gpu', 'software'] as const) {
    const { setImmediate: before } = globalThis;
    pollFor({ kind });
    setImmediate(() => {});
    Object.assign(globalThis, { setImmediate: before });
  }
  Object.assign(globalThis, { setTimeout: later });
  expect(scheduled).toEqual(['soon', 'later']);
});
