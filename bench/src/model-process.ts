import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openBenchDevice } from './device.ts';
import { type ModelMeasurement, measureModel, type WeightDtype } from './model.ts';

/** As on a command line: what the process measures then, and nothing else. */
export const modelAlone = 'model-alone';

/**
 * Measures a model in a process of its own, as an app runs one: recording a token takes the host nearly as long as the device takes for it, and
 * longer where buffers, kernels and garbage of other measurements are around.
 * @throws Error with what the process said, when it fails
 */
export async function measureInProcess(dtype: WeightDtype): Promise<ModelMeasurement> {
  const [, script = ''] = process.argv;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    script,
    `--${modelAlone}`,
    dtype,
  ]);
  return JSON.parse(stdout);
}

/** The other end of it: prints the measurement. */
export async function printModel(dtype: string): Promise<void> {
  if (dtype !== 'f16' && dtype !== 'int8' && dtype !== 'int4') throw new Error(`no model has weights of ${dtype}`);
  console.log(JSON.stringify(await measureModel(await openBenchDevice(), dtype)));
}
