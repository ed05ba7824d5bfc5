import { describe, expect, it } from 'vitest';
import { Session } from '../../src/runtime/abi1/index.ts';
import { type Example, exampleNames, loadExample, relativeL2, useDevice } from './examples.ts';

const gpu = useDevice();

async function promptLogits({ module, prompt, reference }: Example): Promise<number> {
  const session = await Session.create(module, { logits: 'all' });
  const { data, shape } = await session.prefill(prompt);
  expect(shape).toEqual([1, prompt.length, module.definition.facts.vocab]);
  expect([...(await reference.readFloat32('ids'))]).toEqual(prompt);
  return relativeL2(data, await reference.readFloat32('logits'));
}

/** Mean cross-entropy, in nats, of the character after each of the window's. Windows run together as a batch. */
async function validationLoss({ module, reference }: Example): Promise<number> {
  const ids = [...(await reference.readFloat32('val_ids'))];
  const { vocab, context } = module.definition.facts;
  const windows = Array.from({ length: (ids.length - 1) / context }, (_, i) =>
    ids.slice(i * context, (i + 1) * context),
  );
  expect(windows.length).toBe(8);
  const session = await Session.create(module, { batch: windows.length, logits: 'all' });
  const { data } = await session.prefill(windows);
  session.dispose();
  let nats = 0;
  for (let row = 0; row < ids.length - 1; row++) {
    const logits = data.subarray(row * vocab, (row + 1) * vocab);
    const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = logits.reduce((sum, value) => sum + Math.exp(value - largest), 0);
    nats += Math.log(total) + largest - (logits[ids[row + 1] ?? -1] ?? Number.NaN);
  }
  return nats / (ids.length - 1);
}

describe.each(exampleNames)('%s', (name) => {
  it.each(['f32', 'int8'] as const)(
    'continues the prompt greedily as the reference does, with an %s cache',
    async (cache) => {
      const { module, vocabulary, prompt, greedy } = await loadExample(gpu.device, name, cache);
      const session = await Session.create(module);
      const tokens = [...prompt];
      for await (const token of session.generate(prompt, { maxTokens: greedy.length - prompt.length }))
        tokens.push(token);
      expect(greedy.length - prompt.length).toBe(160);
      expect(vocabulary.decode(tokens)).toBe(greedy);
      module.dispose();
    },
    60_000,
  );

  it.each([
    ['f32', 2e-5],
    ['f16', 5e-3],
    ['int8', 1e-2],
  ] as const)('gives the logits of the reference with an %s cache', async (cache, tolerance) => {
    const example = await loadExample(gpu.device, name, cache);
    expect(await promptLogits(example)).toBeLessThan(tolerance);
    example.module.dispose();
  });

  it('has the validation loss of the reference', async () => {
    const example = await loadExample(gpu.device, name);
    expect(Math.abs((await validationLoss(example)) - example.validationLoss)).toBeLessThan(0.002);
    example.module.dispose();
  }, 120_000);
});
