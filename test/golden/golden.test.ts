import { describe, expect, it } from 'vitest';
import { caseId, findCases } from './cases.ts';
import { createOracleBackend } from './oracle-backend.ts';
import type { Storage } from './prepare.ts';
import { type CaseResult, runCases, tolerances } from './runner.ts';

const cases = await findCases('test/golden/cases');

async function resultsOf(storage: Storage): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for await (const result of runCases(cases, createOracleBackend(), storage)) results.push(result);
  return results;
}

describe('golden cases on the oracle', () => {
  it.each(['f32', 'f16'] as const)('pass with %s storage', async (storage) => {
    const results = await resultsOf(storage);
    expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
    for (const { error } of results) expect(error).toBeLessThanOrEqual(tolerances[storage]);
  });

  it('agree in f64 to the precision of the reference', async () => {
    for (const { error, ...found } of await resultsOf('f32')) {
      expect(error, caseId(found)).toBeLessThan(found.family === 'sdpa' ? 1e-7 : 2e-6);
    }
  });
});
