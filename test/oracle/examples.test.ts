import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { wholeTensor } from '../../src/verify/whole-tensor.ts';
import { relativeError } from '../golden/compare.ts';
import { openTensors } from '../golden/tensors.ts';

/** A trained model: the oracle's own way from the committed spec and weights to the reference's logits and text. */
async function loadExample(folder: string) {
  const checkpoint = await openTensors(`${folder}/model.safetensors`);
  const path = `${folder}/spec.yaml`;
  const header = { path: 'model.safetensors', tensors: checkpoint.tensors };
  const { shaped, diagnostics } = checkSpec({ path, text: await readFile(path, 'utf8') }, { checkpoint: header });
  expect(diagnostics).toEqual([]);
  if (shaped === undefined) throw new Error(`${path} gave no module`);
  const module = lower(shaped);
  const weights = await gatherWeights(module, (name) => wholeTensor(checkpoint, name));
  const vocabulary: readonly string[] = JSON.parse(await readFile(`${folder}/vocab.json`, 'utf8'));
  const { prompt, greedy } = JSON.parse(await readFile(`${folder}/expected.json`, 'utf8'));
  return { module, weights, vocabulary, prompt: String(prompt), greedy: String(greedy) };
}

const argmax = (row: Float64Array) => row.reduce((best, value, i) => (value > (row[best] ?? -1e300) ? i : best), 0);

describe.each(['shakespeare-xt-mem-mqa', 'shakespeare-minimind-gqa'])('%s', (name) => {
  const folder = `examples/${name}`;

  it('gives the logits of the prompt', async () => {
    const { module, weights } = await loadExample(folder);
    const expected = await openTensors(`${folder}/expected.safetensors`);
    const ids = [[...(await expected.readFloat32('ids'))]];
    const oracle = createOracle(module, weights, { batch: 1, capacity: 32 });
    const logits = oracle.forward({ ids, logits: 'all' }).get('logits')?.data ?? [];
    expect(relativeError(logits, await expected.readFloat32('logits'))).toBeLessThan(2e-6);
  });

  it('continues the prompt as the reference does', async () => {
    const { module, weights, vocabulary, prompt, greedy } = await loadExample(folder);
    const oracle = createOracle(module, weights, { batch: 1, capacity: greedy.length });
    let fresh = [...prompt].map((character) => vocabulary.indexOf(character));
    let text = prompt;
    while (text.length < greedy.length) {
      const logits = oracle.forward({ ids: [fresh] }).get('logits')?.data ?? new Float64Array();
      fresh = [argmax(logits)];
      text += vocabulary[fresh[0] ?? 0];
    }
    expect(text).toBe(greedy);
  });
});
