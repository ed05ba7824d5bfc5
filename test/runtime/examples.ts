import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';
import type { CacheDtype } from '../../src/compiler/check/shaped-spec.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { openDevice } from '../../src/node/adapter.ts';
import {
  bytesSource,
  charVocabulary,
  LoadedModule,
  SafetensorsFile,
  type Vocabulary,
} from '../../src/runtime/abi1/index.ts';

export const exampleNames = ['shakespeare-minimind-gqa', 'shakespeare-xt-mem-mqa'] as const;
export type ExampleName = (typeof exampleNames)[number];

export interface Example {
  readonly module: LoadedModule;
  readonly vocabulary: Vocabulary;
  readonly prompt: readonly number[];
  /** Prompt and continuation. */
  readonly greedy: string;
  readonly validationLoss: number;
  /** Logits of the prompt `[1, I, vocab]` and the ids of the validation windows. */
  readonly reference: SafetensorsFile;
}

export const readExample = async (name: ExampleName, file: string) =>
  new Uint8Array(await readFile(`examples/${name}/${file}`));

export async function openExampleWeights(name: ExampleName): Promise<SafetensorsFile> {
  return SafetensorsFile.open(bytesSource('model.safetensors', await readExample(name, 'model.safetensors')));
}

/** What `gqac build` makes of the example, with its cache stored as said. */
export async function exampleDefinition(name: ExampleName, cache: CacheDtype = 'f32') {
  const { tensors } = await openExampleWeights(name);
  const written = new TextDecoder().decode(await readExample(name, 'spec.yaml'));
  const text = written.replace(/^ {2}mask: .*$/m, `$&\n  cache: { dtype: ${cache} }`);
  const { shaped } = checkSpec({ path: 'spec.yaml', text }, { checkpoint: { path: 'model.safetensors', tensors } });
  if (shaped === undefined) throw new Error(`the example ${name} is refused`);
  if (shaped.layers[0]?.attention.cacheDtype !== cache) throw new Error('the cache dtype was not taken');
  return compileModule(shaped).definition;
}

export async function loadExample(device: GPUDevice, name: ExampleName, cache: CacheDtype = 'f32'): Promise<Example> {
  const definition = await exampleDefinition(name, cache);
  const module = await LoadedModule.load(definition, { device, weights: await openExampleWeights(name) });
  const json = async (file: string) => JSON.parse(new TextDecoder().decode(await readExample(name, file)));
  const expected = await json('expected.json');
  const vocabulary = charVocabulary(await json('vocab.json'));
  return {
    module,
    vocabulary,
    prompt: vocabulary.encode(expected.prompt),
    greedy: expected.greedy,
    validationLoss: expected.val_loss_nats_per_char,
    reference: await SafetensorsFile.open(bytesSource('expected', await readExample(name, 'expected.safetensors'))),
  };
}

/** One device for all tests of a file. */
export function useDevice(): { readonly device: GPUDevice } {
  let opened: GPUDevice | undefined;
  beforeAll(async () => {
    opened = (await openDevice()).device;
  });
  afterAll(() => opened?.destroy());
  return {
    get device() {
      if (opened === undefined) throw new Error('the device is there within tests only');
      return opened;
    },
  };
}

/** ‖out − reference‖ / ‖reference‖. */
export function relativeL2(out: ArrayLike<number>, reference: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += ((out[i] ?? Number.NaN) - (reference[i] ?? Number.NaN)) ** 2;
    norm += (reference[i] ?? 0) ** 2;
  }
  return Math.sqrt(difference / norm);
}
