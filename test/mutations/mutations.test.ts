import { expect, test } from 'vitest';
import { Judge } from './judge.ts';
import { searchMutations } from './search.ts';
import { seedSpecs } from './seeds.ts';

test('every seed is accepted and runs', async () => {
  const judge = new Judge();
  for (const text of seedSpecs) {
    const { kind, problems } = await judge.judge(text);
    expect([text, kind === 'rejected', problems]).toEqual([text, false, []]);
  }
  await judge.close();
});

test('500 changes of one option: rejected with a place, or accepted by the reference and by Dawn', {
  timeout: 300_000,
}, async () => {
  const { failures, ...counts } = await searchMutations({ count: 500, seed: 1 });
  expect(failures).toEqual([]);
  expect(counts.rejected).toBeGreaterThan(100);
  expect(counts.ran).toBeGreaterThan(100);
});
