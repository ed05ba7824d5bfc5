import type { ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { Model, SamplingOptions } from '../../runtime/abi1/index.ts';
import type { ChatMessage } from '../../text/chat-template.ts';
import { readTextFiles, type TextFiles } from '../files/text-files.ts';
import { InputError } from '../output.ts';
import { progressBar } from '../reports/progress-bar.ts';
import { openWeightedModel } from './weighted-model.ts';

export interface RunSettings {
  readonly prompt?: string;
  readonly system?: string;
  readonly raw: boolean;
  readonly json: boolean;
  readonly weights?: string;
  /** Tokens that the cache holds. */
  readonly context?: number;
  readonly sampling: Required<SamplingOptions> & { readonly maxTokens: number };
}

/** A checked model with its tokenizer, and weights that are there; nothing is on a device yet. */
export interface TextModel {
  readonly shaped: ShapedSpec;
  /** Longest sequence, in tokens. */
  readonly context: number;
  readonly weightsPath: string;
  readonly text: TextFiles;
}

/** Undefined when the spec has errors, which are printed. @throws InputError when something is missing. */
export async function openTextModel(path: string, { weights, system }: RunSettings): Promise<TextModel | undefined> {
  const model = await openWeightedModel(path, weights);
  if (model?.shaped.model === undefined) return undefined;
  const { shaped, folder, weightsPath } = model;
  const { context, head } = model.shaped.model;
  if (head.kind === 'hidden') throw new InputError(`${path} is an encoder: it gives hidden states, and no text`);
  const text = await readTextFiles(folder);
  if (system !== undefined && text.template === undefined)
    throw new InputError('--system needs a model with a chat template: put it into the prompt');
  return { shaped, context, weightsPath, text };
}

/** The ids of a chat, or of the text of its last message for models without a template. */
export function encodeChat({ text }: TextModel, messages: readonly ChatMessage[], raw: boolean): readonly number[] {
  const { tokenizer, template } = text;
  const ids =
    raw || template === undefined
      ? tokenizer.encode(messages.at(-1)?.content ?? '')
      : tokenizer.encode(template(messages), { asWritten: true });
  if (ids.length === 0) throw new InputError('the prompt is empty: give some text to go on from');
  return ids;
}

/** @throws InputError when the prompt leaves no room for a token. */
export function checkRoom(prompt: readonly number[], capacity: number, context: number): void {
  if (prompt.length <= capacity) return;
  const most = capacity === context ? `the model's context is ${context}` : `the cache holds ${capacity} (--context)`;
  throw new InputError(`the prompt has ${prompt.length} tokens, ${most}: shorten it`);
}

/** Compiles the model and puts it on a device, with a bar on a terminal. @throws as `loadModel` does, and the signal's reason. */
export async function loadTextModel({ shaped, weightsPath }: TextModel, signal: AbortSignal): Promise<Model> {
  const { openGpu } = await import('../../node/adapter.ts');
  const { describeAdapter } = await import('../../node/adapter-description.ts');
  const { pollFor } = await import('../../node/polling.ts');
  const { openCheckpoint } = await import('../../node/checkpoint-file.ts');
  const { compileModule } = await import('../../compiler/compile.ts');
  const { loadModel } = await import('../../runtime/abi1/index.ts');
  const { adapter, description } = await openGpu();
  pollFor(description);
  process.stderr.write(`${describeAdapter(description)}\n`);
  const weights = await openCheckpoint(weightsPath);
  const bar = progressBar(process.stderr, 'loading');
  try {
    return await loadModel(compileModule(shaped).definition, {
      adapter,
      weights,
      onProgress(progress) {
        signal.throwIfAborted();
        bar.show(progress);
      },
    });
  } finally {
    bar.end();
    await weights.close();
  }
}
