import { dirname, relative, resolve, sep } from 'node:path';
import { exportOnnx } from '../../compiler/export/onnx/export-onnx.ts';
import type { StoredTensor } from '../../compiler/export/onnx/weights.ts';
import { reportOnnxRefusals } from '../../compiler/export/report-refusals.ts';
import { readCheckpointFacts, readTensorPlaces } from '../../node/checkpoint-file.ts';
import { isPacked } from '../../runtime/abi1/packed-checkpoint.ts';
import { InputError } from '../output.ts';
import { printFindings } from '../reports/print-findings.ts';
import { openWeightedModel } from '../run/weighted-model.ts';

/** The bytes of the graph, for a file at `output`; undefined after printing what is wrong. @throws InputError */
export async function onnxOf(path: string, weights: string | undefined, output: string | undefined) {
  if (output === undefined) throw new InputError('--to onnx needs -o FILE: the graph refers to the weights beside it');
  const model = await openWeightedModel(path, weights);
  if (model === undefined) return undefined;
  const { metadata } = await readCheckpointFacts(model.weightsPath);
  if (isPacked({ metadata }))
    throw new InputError(`${model.weightsPath} is packed: export from the checkpoint that it was made of`);
  const exported = exportOnnx(model.shaped, await tensorsFrom(output, model.weightsPath));
  if (exported.kind === 'graph') return exported.bytes;
  await printFindings((report) => reportOnnxRefusals(model.shaped, exported.reasons, report));
  return undefined;
}

/** Their files as the graph names them: readers refuse what is not in its folder or below. */
async function tensorsFrom(output: string, weightsPath: string): Promise<ReadonlyMap<string, StoredTensor>> {
  const folder = dirname(resolve(output));
  const places = await readTensorPlaces(weightsPath);
  return new Map(
    [...places].map(([tensor, place]) => {
      const file = relative(folder, resolve(place.file)).split(sep).join('/');
      if (file.startsWith('../') || file.startsWith('/'))
        throw new InputError(`${place.file} is not beside ${output} or below: write the graph where the weights are`);
      return [tensor, { ...place, file }];
    }),
  );
}
