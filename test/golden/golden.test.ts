import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from './backend.ts';
import { caseId, findCases } from './cases.ts';
import { createDeviceBackend } from './device-backend.ts';
import { createOracleBackend } from './oracle-backend.ts';
import type { Storage } from './prepare.ts';
import { type CaseResult, runCases, tolerances } from './runner.ts';

const cases = await findCases('test/golden/cases');

async function resultsOf(storage: Storage, backend: Backend): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for await (const result of runCases(cases, backend, storage)) results.push(result);
  return results;
}

describe('golden cases on the oracle', () => {
  it.each(['f32', 'f16'] as const)('pass with %s storage', async (storage) => {
    const results = await resultsOf(storage, createOracleBackend());
    expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
    for (const { error } of results) expect(error).toBeLessThanOrEqual(tolerances[storage]);
  });

  it('agree in f64 to the precision of the reference', async () => {
    for (const { error, ...found } of await resultsOf('f32', createOracleBackend())) {
      expect(error, caseId(found)).toBeLessThan(found.family === 'sdpa' ? 1e-7 : 2e-6);
    }
  });
});

describe('golden cases on the adapter', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createDeviceBackend();
  });
  afterAll(() => backend.close());

  it.each(['f32', 'f16'] as const)(
    'pass with %s storage',
    async (storage) => {
      const results = await resultsOf(storage, backend);
      expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
      expect(results.length).toBe(cases.length);
      for (const { error } of results) expect(error).toBeLessThanOrEqual(tolerances[storage]);
    },
    60_000,
  );
});
