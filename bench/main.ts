/**
 * npm run bench -- [--out DIR] [--peers] [--model]: times attention on this machine's adapter and checks every output that it times.
 * Without a GPU it runs small shapes on the software adapter, as a smoke test. See README.md beside this.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { profiles, type TargetProfile } from '../src/compiler/plan/profiles.ts';
import { type Measurement, measureAttention } from './src/attention.ts';
import { mainCases, scalingCases, smokeCases, variedCases } from './src/cases.ts';
import { openBenchDevice } from './src/device.ts';
import { measureModel } from './src/model.ts';
import type { AttentionCase } from './src/reference.ts';
import { scalingPlot, tableOf, worstRowAllowed } from './src/report.ts';
import { Stopwatch } from './src/timing.ts';

const { values: options } = parseArgs({
  options: { out: { type: 'string' }, peers: { type: 'boolean' }, model: { type: 'boolean' } },
});

const bench = await openBenchDevice();
const stopwatch = new Stopwatch(bench.device, bench.precise);
const available: readonly TargetProfile[] = Object.values<TargetProfile>(profiles).filter(({ features }) =>
  features.every((feature) => bench.device.features.has(feature)),
);
console.error(
  `${bench.name}: ${available.map(({ id }) => id).join(', ')}${bench.precise ? '' : ' (smoke test, timed by the wall clock)'}`,
);

const measurements: Measurement[] = [];
const failures: string[] = [];
for (const one of bench.precise ? [...mainCases, ...variedCases, ...scalingCases] : smokeCases) {
  // The portable profiles are of interest for the main shapes only.
  const wanted = bench.precise && !mainCases.includes(one) ? available.slice(-1) : available;
  for (const profile of wanted) await measure(one, profile);
}

async function measure(one: AttentionCase, profile: TargetProfile): Promise<void> {
  const measurement = await measureAttention(bench, stopwatch, one, profile);
  const { worstRow } = measurement.errors;
  if (!(worstRow <= worstRowAllowed(profile.id))) failures.push(`${one.name}, ${profile.id}: worst row ${worstRow}`);
  measurements.push(measurement);
}

console.log(tableOf(measurements));
const peers = options.peers ? await measurePeers() : [];
for (const { name, milliseconds } of peers) console.log(`onnxruntime WebGPU, ${name}: ${milliseconds.toFixed(4)} ms`);
const model = options.model ? await measureModel(bench) : undefined;
if (model !== undefined) console.log(JSON.stringify(model, undefined, 2));

if (options.out !== undefined) {
  await mkdir(options.out, { recursive: true });
  const result = { device: bench.name, date: new Date().toISOString().slice(0, 10), measurements, peers, model };
  await writeFile(`${options.out}/attention.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  const plotted = measurements.filter(({ case: one }) => [...mainCases, ...scalingCases].includes(one));
  await writeFile(`${options.out}/scaling.svg`, scalingPlot(plotted.length > 0 ? plotted : measurements, bench.name));
}
for (const failure of failures) console.error(`not exact enough: ${failure}`);
process.exit(failures.length > 0 ? 1 : 0);

async function measurePeers() {
  const { measureOnnxRuntime } = await import('./src/onnxruntime.ts');
  const found: { name: string; milliseconds: number }[] = [];
  // A chain of decoding nodes would measure the copies of its caches.
  const prefills = mainCases.filter(({ tokens }) => tokens > 1);
  for (const one of prefills) found.push({ name: one.name, milliseconds: await measureOnnxRuntime(one) });
  return found;
}
