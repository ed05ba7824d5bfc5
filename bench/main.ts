/**
 * npm run bench -- [--out DIR] [--only TEXT] [--peers] [--model]: times attention on this machine's adapter and checks every output that it times.
 * Without a GPU it runs small shapes on the software adapter, as a smoke test. See README.md beside this.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { profiles, type TargetProfile } from '../src/compiler/plan/profiles/profiles.ts';
import { CompileAhead } from '../src/tune/compile-ahead.ts';
import { Stopwatch } from '../src/tune/stopwatch.ts';
import { type Measurement, measureAttention, portableOutput } from './src/attention.ts';
import { defineRun } from './src/attention-run.ts';
import { mainCases, scalingCases, smokeCases, variedCases, wideCases } from './src/cases.ts';
import { openBenchDevice } from './src/device.ts';
import { checkExactness, type Exactness, exactnessCases, exactnessLines, exactnessProfiles } from './src/exactness.ts';
import type { ModelMeasurement } from './src/model.ts';
import { measureInProcess, modelAlone, printModel } from './src/model-process.ts';
import type { PeerTiming } from './src/onnxruntime.ts';
import { memoryPlot, rooflinePlot, timePlot } from './src/plots.ts';
import type { AttentionCase } from './src/reference.ts';
import { type BenchResult, tableOf, worstRowAllowed } from './src/report.ts';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string' },
    only: { type: 'string', multiple: true },
    peers: { type: 'boolean' },
    model: { type: 'boolean' },
    [modelAlone]: { type: 'string' },
  },
});

if (options[modelAlone] !== undefined) {
  await printModel(options[modelAlone]);
  process.exit(0);
}

/** As in `gqac tune`: of more at a time none is done sooner. */
const modulesAhead = 6;

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
const compiling = new CompileAhead(bench.device, bench.precise ? modulesAhead : 0);
const exactness: Exactness[] = [];
await eachOf(casesToRun(), measure);
console.log(tableOf(measurements));
await eachOf(bench.precise ? exactnessCases.filter(isWanted) : [], check);
console.log(exactnessLines(exactness));
await save({});
const peers = options.peers ? await measurePeers() : [];
await save({ peers });
const models: ModelMeasurement[] = [];
for (const dtype of options.model ? (['f16', 'int8', 'int4'] as const) : []) {
  await reported(`the model, ${dtype}`, async () => {
    models.push(await measureInProcess(dtype));
    console.log(JSON.stringify(models.at(-1)));
  });
  await save({ peers, models });
}
for (const failure of failures) console.error(failure);
process.exit(failures.length > 0 ? 1 : 0);

async function eachOf(
  cases: readonly AttentionCase[],
  work: (one: AttentionCase, profile: TargetProfile, portable: Float32Array) => Promise<void>,
): Promise<void> {
  for (const [index, one] of cases.entries()) {
    for (const next of cases.slice(index)) compileAhead(next);
    await reported(one.name, async () => {
      const portable = await portableOutput(bench, one);
      for (const profile of profilesFor(one))
        await reported(`${one.name}, ${profile.id}`, () => work(one, profile, portable));
    });
  }
}

/** The portable profiles are of interest for the main shapes only: with halves where they multiply these. */
function profilesFor(one: AttentionCase): readonly TargetProfile[] {
  if (!bench.precise) return available;
  if (exactnessCases.includes(one)) return exactnessProfiles(available);
  if (mainCases.includes(one)) return available.filter(({ id }) => id !== 'baseline');
  return wideCases.includes(one) ? [profiles.baseline, ...available.slice(-1)] : available.slice(-1);
}

/** While one case is timed and checked, which takes one core. */
function compileAhead(one: AttentionCase): void {
  for (const profile of new Set([profiles.baseline, ...profilesFor(one)]))
    compiling.begin(`${one.name}, ${profile.id}`, () => defineRun(one, profile).definition);
}

/** All, or those whose names contain one of the texts of `--only`. */
function casesToRun(): readonly AttentionCase[] {
  const all = bench.precise ? [...mainCases, ...wideCases, ...variedCases, ...scalingCases] : smokeCases;
  return all.filter(isWanted);
}

function isWanted({ name }: AttentionCase): boolean {
  return options.only?.some((text) => name.includes(text)) ?? true;
}

async function measure(one: AttentionCase, profile: TargetProfile, portable: Float32Array): Promise<void> {
  const measurement = await measureAttention(bench, stopwatch, one, profile, portable);
  const { worstRow } = measurement.errors;
  if (!(worstRow <= worstRowAllowed(one, profile.id)))
    failures.push(`not exact enough: ${one.name}, ${profile.id}: worst row ${worstRow}`);
  measurements.push(measurement);
}

async function check(one: AttentionCase, profile: TargetProfile, portable: Float32Array): Promise<void> {
  const found = await checkExactness(bench, one, profile, portable);
  const { worstRow, allowed } = found;
  if (!(worstRow <= allowed)) failures.push(`not exact enough: ${one.name}, ${profile.id}: worst row ${worstRow}`);
  exactness.push(found);
}

/** One case that cannot be run is no reason to lose the others. */
async function reported(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    failures.push(`not run: ${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function measurePeers(): Promise<readonly PeerTiming[]> {
  const { measureOnnxRuntime } = await import('./src/onnxruntime.ts');
  const found: PeerTiming[] = [];
  for (const one of mainCases) {
    const timing = await measureOnnxRuntime(one);
    const { name, attention, copies } = timing;
    console.log(`onnxruntime WebGPU, ${name}: ${attention.toFixed(4)} ms, copies of the cache ${copies.toFixed(4)} ms`);
    found.push(timing);
  }
  return found;
}

/** After each part, so that a run that is cut off leaves what it has. */
async function save(others: Pick<BenchResult, 'peers' | 'models'>): Promise<void> {
  const { out } = options;
  if (out === undefined || measurements.length === 0) return;
  await mkdir(out, { recursive: true });
  const { name: device, driver } = bench;
  const date = new Date().toISOString().slice(0, 10);
  const result: BenchResult = { device, driver, date, measurements, exactness, ...others };
  await writeFile(`${out}/attention.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  const lengths = measurements.filter(({ case: one }) => [...mainCases, ...scalingCases].includes(one));
  const plotted = lengths.length > 0 ? lengths : measurements;
  await writeFile(`${out}/scaling.svg`, timePlot(plotted, device));
  await writeFile(`${out}/memory.svg`, memoryPlot(plotted, device));
  await writeFile(`${out}/roofline.svg`, rooflinePlot(measurements, device));
}
