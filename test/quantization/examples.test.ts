import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { createOracle, type OracleCall } from '../../src/compiler/oracle/oracle.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { wholeTensor } from '../../src/verify/whole-tensor.ts';
import { relativeError } from '../golden/compare.ts';
import { openTensors } from '../golden/tensors.ts';

const windows = 1;
const length = 192;

/** A trained model in f64 whose matrices are stored in some way: its loss on text that it was not trained on, and its first attention's output. */
async function measure(folder: string, weights: string) {
  const checkpoint = await openTensors(`${folder}/model.safetensors`);
  const text = (await readFile(`${folder}/spec.yaml`, 'utf8')).replace('weights:\n', `weights:\n  ${weights}\n`);
  const header = { path: 'model.safetensors', tensors: checkpoint.tensors };
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text }, { checkpoint: header });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const module = lower(shaped);
  const values = await gatherWeights(module, (name) => wholeTensor(checkpoint, name));
  const expected = await openTensors(`${folder}/expected.safetensors`);
  const heldOut = [...(await expected.readFloat32('val_ids'))];
  const ids = Array.from({ length: windows }, (_, w) => heldOut.slice(w * length, (w + 1) * length));
  const oracle = createOracle(module, values, { batch: windows, capacity: length, storage: 'rounded' });
  const outputs: Float64Array[] = [];
  const onNode: OracleCall['onNode'] = (node, tensors) => {
    if (node.op === 'attention') outputs.push(tensors.get(node.out)?.data ?? new Float64Array());
  };
  const logits = oracle.forward({ ids, logits: 'all', onNode }).get('logits')?.data ?? new Float64Array();
  return { loss: lossOf(logits, heldOut), firstLayer: outputs[0] ?? new Float64Array() };
}

/** Nats for each character. */
function lossOf(logits: Float64Array, ids: readonly number[]): number {
  const vocab = 65;
  let sum = 0;
  for (let at = 0; at < windows * length; at++) {
    const row = logits.subarray(at * vocab, (at + 1) * vocab);
    const highest = row.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    const total = row.reduce((all, x) => all + Math.exp(x - highest), 0);
    sum += Math.log(total) + highest - (row[ids[at + 1] ?? 0] ?? Number.NaN);
  }
  return sum / (windows * length);
}

/** See docs/quantization.md: twice what was measured, or more, as these are few characters. */
const limits = [
  { dtype: 'int8', loss: 0.002, layer: 0.008 },
  { dtype: 'int4', loss: 0.03, layer: 0.1 },
] as const;

describe.each(['shakespeare-minimind-gqa', 'shakespeare-xt-mem-mqa'])('%s', (name) => {
  it('loses little by integers', { timeout: 240_000 }, async () => {
    const exact = await measure(`examples/${name}`, 'dtype: f16');
    for (const { dtype, loss, layer } of limits) {
      const found = await measure(`examples/${name}`, `dtype: ${dtype}`);
      expect(Math.abs(found.loss - exact.loss)).toBeLessThan(loss);
      expect(relativeError(found.firstLayer, exact.firstLayer)).toBeLessThan(layer);
    }
  });
});
