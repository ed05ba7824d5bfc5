import '../setup.ts';
import { parseArgs } from 'node:util';
import type { Backend } from './backend.ts';
import { caseId, findCases } from './cases.ts';
import { createDeviceBackend } from './device-backend.ts';
import { createOracleBackend } from './oracle-backend.ts';
import { type CaseResult, runCases } from './runner.ts';

const usage =
  'usage: npm run golden -- DIR [--filter TEXT]... [--storage f32|f16] [--format human|json] [--backend device|oracle]';

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  complain(error instanceof Error ? error.message : String(error)),
);

/** Exit code: 0 nothing failed, 1 something did, 2 usage, or nothing to run it on. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) return complain(usage);
  const cases = await findCases(options.folder, options.filters);
  if (cases.length === 0)
    return complain(`no case in ${options.folder} matches: give a folder with case.json files below it`);
  const backend: Backend = options.backend === 'oracle' ? createOracleBackend() : await createDeviceBackend();
  const human = options.format === 'human';
  const results: CaseResult[] = [];
  process.stderr.write(`${backend.description}\n`);
  try {
    for await (const result of runCases(cases, backend, options.storage)) {
      results.push(result);
      if (human) process.stdout.write(`${humanLine(result)}\n`);
    }
  } finally {
    await backend.close();
  }
  process.stdout.write(human ? `${closingLine(results)}\n` : `${JSON.stringify({ cases: results }, null, 2)}\n`);
  return results.some(({ status }) => status === 'fail') ? 1 : 0;
}

function readOptions(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        filter: { type: 'string', multiple: true, default: [] },
        storage: { type: 'string', default: 'f32' },
        format: { type: 'string', default: 'human' },
        backend: { type: 'string', default: 'device' },
      },
    });
    const { storage, format, backend } = values;
    const [folder, ...rest] = positionals;
    if (folder === undefined || rest.length > 0) return undefined;
    if (storage !== 'f32' && storage !== 'f16') return undefined;
    if (format !== 'human' && format !== 'json') return undefined;
    if (backend !== 'device' && backend !== 'oracle') return undefined;
    return { folder, filters: values.filter, storage, format, backend } as const;
  } catch {
    return undefined;
  }
}

function humanLine(result: CaseResult): string {
  const error = result.error === null ? '' : ` ${result.error.toExponential(2)}`;
  const reason = result.reason === null ? '' : ` ${result.reason}`;
  return `${result.status.padEnd(11)} ${caseId(result)}${result.status === 'pass' ? error : reason}`;
}

function closingLine(results: readonly CaseResult[]): string {
  const count = (status: CaseResult['status']) => results.filter((result) => result.status === status).length;
  return `${count('pass')} passed, ${count('fail')} failed, ${count('unsupported')} unsupported`;
}

function complain(message: string): number {
  process.stderr.write(`${message}\n`);
  return 2;
}
