import { parseArgs } from 'node:util';
import { searchMutations } from './search.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const report = await searchMutations({
  count: Number(values.count),
  seed: Number(values.seed),
  onProgress: (done) => process.stderr.write(`${done}\n`),
});
for (const { what, seed, text, problems } of report.failures) {
  process.stdout.write(`${what} (seed ${seed})\n${problems.map((one) => `  ${one}\n`).join('')}${text}\n`);
}
process.stdout.write(`${JSON.stringify({ ...report, failures: report.failures.length })}\n`);
process.exitCode = report.failures.length > 0 ? 1 : 0;
