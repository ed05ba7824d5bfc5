import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from './backend.ts';
import { type CaseFolder, caseId, findCases } from './cases.ts';
import { createDeviceBackend } from './device-backend.ts';
import { createOracleBackend } from './oracle-backend.ts';
import type { Storage } from './prepare.ts';
import { type CaseResult, runCases, tolerances } from './runner.ts';

const cases = await findCases('test/golden/cases');

async function resultsOf(
  storage: Storage,
  backend: Backend,
  chosen: readonly CaseFolder[] = cases,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for await (const result of runCases(chosen, backend, storage)) results.push(result);
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
      // Whole models of transformers differ by importer and lowering; their kernels store f16 like those of other cases.
      const chosen = cases.filter(({ family }) => storage === 'f32' || family !== 'hf-model');
      const results = await resultsOf(storage, backend, chosen);
      expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
      expect(results.length).toBe(chosen.length);
      for (const { error } of results) expect(error).toBeLessThanOrEqual(tolerances[storage]);
    },
    300_000,
  );
});
