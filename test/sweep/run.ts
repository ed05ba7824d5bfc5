import { parseArgs } from 'node:util';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { pollFor } from '../../src/node/polling.ts';
import { obstacleTo } from '../../src/tune/device-profile.ts';
import { type SweepResult, sweepAttention, sweepModel } from './sweep.ts';

const usage = `usage: npm run sweep -- [--models] [--seed N] [--specs N] [--seconds N] [--calls N] [--budget N] [--target ${Object.keys(profiles).join('|')}] [--all]`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 2;
});

/** Exit code: 0 nothing failed, 1 something did, 2 usage, or nothing to run it on. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const { device, description } = await openDevice();
  pollFor(description);
  const profile = options.target ?? bestFor(device);
  process.stdout.write(`${description.name}, ${profile.id}\n`);
  const until = Date.now() + options.seconds * 1000;
  const results: SweepResult[] = [];
  let specs = 0;
  while (specs < options.specs && Date.now() < until) {
    const seed = options.seed + specs++;
    const { calls, budget } = options;
    const sweep = options.models ? sweepModel : sweepAttention;
    const found = await sweep(seed, { device, profile, calls, budget });
    results.push(...found);
    for (const result of found.filter(({ passed }) => options.all || !passed))
      process.stdout.write(describeResult(result));
  }
  process.stdout.write(summary(results, specs));
  return results.some(({ passed }) => !passed) ? 1 : 0;
}

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: '1' },
        specs: { type: 'string', default: '100' },
        seconds: { type: 'string', default: '60' },
        calls: { type: 'string', default: '4' },
        budget: { type: 'string', default: '5e8' },
        target: { type: 'string' },
        all: { type: 'boolean', default: false },
        models: { type: 'boolean', default: false },
      },
    });
    const numbers = [values.seed, values.specs, values.seconds, values.calls, values.budget].map(Number);
    if (numbers.some((number) => !(number > 0))) return undefined;
    const [seed = 1, specs = 1, seconds = 1, calls = 1, budget = 1] = numbers;
    const target = Object.values(profiles).find(({ id }) => id === values.target);
    if (values.target !== undefined && target === undefined) return undefined;
    return { seed, specs, seconds, calls, budget, target, all: values.all, models: values.models };
  } catch {
    return undefined;
  }
}

/** The most demanding that the device has. */
function bestFor(device: GPUDevice): TargetProfile {
  const best = Object.values<TargetProfile>(profiles).findLast((profile) => obstacleTo(profile, device) === undefined);
  if (best === undefined) throw new Error('every device has what the baseline needs');
  return best;
}

function describeResult({ seed, text, kernels, what, worstRow, relativeL2, passed }: SweepResult): string {
  const errors = `worst row ${worstRow.toExponential(2)}, all ${relativeL2.toExponential(2)}`;
  const spec = passed ? '' : `\n${text.replace(/^/gm, '  ')}`;
  return `${passed ? 'pass' : 'FAIL'} seed ${seed}: ${what}: ${errors}; ${kernels}${spec}\n`;
}

/** The worst row by the kernels that made it. */
function summary(results: readonly SweepResult[], specs: number): string {
  const worst = new Map<string, { readonly count: number; readonly row: number }>();
  for (const { kernels, worstRow } of results) {
    const { count, row } = worst.get(kernels) ?? { count: 0, row: 0 };
    worst.set(kernels, { count: count + 1, row: Math.max(row, worstRow) });
  }
  const lines = [...worst].map(
    ([kernels, { count, row }]) => `${count}, worst row ${row.toExponential(2)}: ${kernels}`,
  );
  const failed = results.filter(({ passed }) => !passed).length;
  return `${lines.join('\n')}\n${specs} specs, ${results.length} comparisons, ${failed} failed\n`;
}
