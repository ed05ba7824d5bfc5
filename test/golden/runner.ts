import type { Backend } from './backend.ts';
import type { CaseFolder } from './cases.ts';
import { firstDifference, relativeError } from './compare.ts';
import { prepareCase, type Storage, Unsupported } from './prepare.ts';

export interface CaseResult {
  readonly family: string;
  readonly name: string;
  readonly status: 'pass' | 'fail' | 'unsupported';
  /** Relative L2 error of the output, when it could be computed. */
  readonly error: number | null;
  /** Why it failed or is unsupported. */
  readonly reason: string | null;
}

/** Largest relative L2 error that passes. */
export const tolerances: Readonly<Record<Storage, number>> = { f32: 2e-5, f16: 5e-3 };

/** Runs the cases one after the other. A case that crashes has failed; the others still run. */
export async function* runCases(
  cases: readonly CaseFolder[],
  backend: Backend,
  storage: Storage,
): AsyncGenerator<CaseResult> {
  for (const found of cases) {
    const { family, name } = found;
    try {
      yield { family, name, ...(await runCase(found, backend, storage)) };
    } catch (error) {
      const status = error instanceof Unsupported ? 'unsupported' : 'fail';
      yield { family, name, status, error: null, reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

type Score = Pick<CaseResult, 'status' | 'error' | 'reason'>;

async function runCase(found: CaseFolder, backend: Backend, storage: Storage): Promise<Score> {
  const prepared = await prepareCase(found, storage);
  const { output, greedy } = await backend.run(prepared);
  const error = relativeError(output, prepared.expected.data);
  const fail = (reason: string): Score => ({ status: 'fail', error: Number.isFinite(error) ? error : null, reason });
  if (output.length !== prepared.expected.data.length) {
    return fail(`output has ${output.length} values, expected ${prepared.expected.data.length}`);
  }
  if (Number.isNaN(error)) return fail('output is not finite');
  if (!(error <= tolerances[storage])) {
    return fail(`relative error ${error.toExponential(2)} is above ${tolerances[storage]}`);
  }
  const wrong = prepared.greedy && firstDifference(greedy ?? [], prepared.greedy);
  if (wrong !== undefined)
    return fail(`greedy token ${wrong} is ${greedy?.[wrong]}, expected ${prepared.greedy?.[wrong]}`);
  return { status: 'pass', error, reason: null };
}
