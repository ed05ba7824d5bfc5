/**
 * npm run bench -- [--out DIR] [--peers] [--model]: times attention on this machine's adapter and checks every output that it times.
 * Without a GPU it runs small shapes on the software adapter, as a smoke test. See README.md beside this.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { profiles, type TargetProfile } from '../src/compiler/plan/profiles.ts';
import { Stopwatch } from '../src/tune/stopwatch.ts';
import { type Measurement, measureAttention, portableOutput } from './src/attention.ts';
import { mainCases, scalingCases, smokeCases, variedCases } from './src/cases.ts';
import { openBenchDevice } from './src/device.ts';
import { measureModel } from './src/model.ts';
import type { PeerTiming } from './src/onnxruntime.ts';
import { memoryPlot, rooflinePlot, timePlot } from './src/plots.ts';
import type { AttentionCase } from './src/reference.ts';
import { tableOf, worstRowAllowed } from './src/report.ts';

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
  const portable = await portableOutput(bench, one);
  for (const profile of wanted) await measure(one, profile, portable);
}

async function measure(one: AttentionCase, profile: TargetProfile, portable: Float32Array): Promise<void> {
  const measurement = await measureAttention(bench, stopwatch, one, profile, portable);
  const { worstRow } = measurement.errors;
  if (!(worstRow <= worstRowAllowed(profile.id))) failures.push(`${one.name}, ${profile.id}: worst row ${worstRow}`);
  measurements.push(measurement);
}

console.log(tableOf(measurements));
const peers = options.peers ? await measurePeers() : [];
for (const { name, attention, copies } of peers)
  console.log(`onnxruntime WebGPU, ${name}: ${attention.toFixed(4)} ms, copies of the cache ${copies.toFixed(4)} ms`);
const model = options.model ? await measureModel(bench) : undefined;
if (model !== undefined) console.log(JSON.stringify(model, undefined, 2));

if (options.out !== undefined) {
  await mkdir(options.out, { recursive: true });
  const result = {
    device: bench.name,
    driver: bench.driver,
    date: new Date().toISOString().slice(0, 10),
    measurements,
    peers,
    model,
  };
  await writeFile(`${options.out}/attention.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  const lengths = measurements.filter(({ case: one }) => [...mainCases, ...scalingCases].includes(one));
  const plotted = lengths.length > 0 ? lengths : measurements;
  await writeFile(`${options.out}/scaling.svg`, timePlot(plotted, bench.name));
  await writeFile(`${options.out}/memory.svg`, memoryPlot(plotted, bench.name));
  await writeFile(`${options.out}/roofline.svg`, rooflinePlot(measurements, bench.name));
}
for (const failure of failures) console.error(`not exact enough: ${failure}`);
process.exit(failures.length > 0 ? 1 : 0);

async function measurePeers(): Promise<readonly PeerTiming[]> {
  const { measureOnnxRuntime } = await import('./src/onnxruntime.ts');
  const found: PeerTiming[] = [];
  for (const one of mainCases) found.push(await measureOnnxRuntime(one));
  return found;
}
