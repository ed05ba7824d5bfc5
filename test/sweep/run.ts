import { parseArgs } from 'node:util';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { pollFor } from '../../src/node/polling.ts';
import { type VariantNeeds, variantObstacle } from '../../src/runtime/abi1/device.ts';
import { type SweepResult, sweepSpec } from './sweep.ts';

const usage = `usage: npm run sweep -- [--seed N] [--specs N] [--seconds N] [--calls N] [--budget N] [--target ${Object.keys(profiles).join('|')}] [--all]`;

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
    const found = await sweepSpec(seed, { device, profile, calls, budget });
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
      },
    });
    const numbers = [values.seed, values.specs, values.seconds, values.calls, values.budget].map(Number);
    if (numbers.some((number) => !(number > 0))) return undefined;
    const [seed = 1, specs = 1, seconds = 1, calls = 1, budget = 1] = numbers;
    const target = Object.values(profiles).find(({ id }) => id === values.target);
    if (values.target !== undefined && target === undefined) return undefined;
    return { seed, specs, seconds, calls, budget, target, all: values.all };
  } catch {
    return undefined;
  }
}

/** The most demanding that the device has. */
function bestFor(device: GPUDevice): TargetProfile {
  const best = Object.values<TargetProfile>(profiles).findLast(
    (profile) => variantObstacle(asVariant(profile), device) === undefined,
  );
  if (best === undefined) throw new Error('every device has what the baseline needs');
  return best;
}

function asVariant({ id, features, limits, subgroupSize }: TargetProfile): VariantNeeds {
  return { id, features, limits: { ...limits }, ...(subgroupSize !== undefined && { subgroupSize }) };
}

function describeResult(result: SweepResult): string {
  const { seed, text, stages, querySize, counts, keyCounts, worstRow, relativeL2, passed } = result;
  const call = `new [${counts.join(', ')}] of [${keyCounts.join(', ')}], queries ${querySize}`;
  const errors = `worst row ${worstRow.toExponential(2)}, all ${relativeL2.toExponential(2)}`;
  const spec = passed ? '' : `\n${text.replace(/^/gm, '  ')}`;
  return `${passed ? 'pass' : 'FAIL'} seed ${seed}: ${call}: ${errors}; ${stages.join(', ')}${spec}\n`;
}

/** The worst row by the kernels that made it. */
function summary(results: readonly SweepResult[], specs: number): string {
  const byStage = new Map<string, SweepResult[]>();
  for (const result of results) {
    const key = result.stages.join(', ');
    byStage.set(key, [...(byStage.get(key) ?? []), result]);
  }
  const lines = [...byStage].map(
    ([key, group]) =>
      `${group.length} calls, worst row ${Math.max(...group.map(({ worstRow }) => worstRow)).toExponential(2)}: ${key}`,
  );
  const failed = results.filter(({ passed }) => !passed).length;
  return `${lines.join('\n')}\n${specs} specs, ${results.length} calls, ${failed} failed\n`;
}
