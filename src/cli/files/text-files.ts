import { join } from 'node:path';
import { isObject } from '../../compiler/import/fields.ts';
import type { ChatTemplate } from '../../text/chat-template.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { InputError } from '../output.ts';
import { readJsonIfThere, readTextIfThere } from './json-file.ts';

/** How a model's text is written as tokens, as the files of its folder say. */
export interface TextFiles {
  readonly tokenizer: Tokenizer;
  readonly template?: ChatTemplate;
  /** Ids that end a text. */
  readonly stop: readonly number[];
}

type Json = Readonly<Record<string, unknown>>;

/** @throws InputError when the folder has no tokenizer, or one that cannot be read. */
export async function readTextFiles(folder: string): Promise<TextFiles> {
  const object = async (name: string) => asObject(await readJsonIfThere(join(folder, name)), join(folder, name));
  const config = await object('tokenizer_config.json');
  const tokenizer = await tokenizerOf(folder, config);
  const template = await templateOf(folder, config);
  const ends = [await object('generation_config.json'), await object('config.json')].flatMap(endIds);
  const stop = new Set([...ends, ...namedEnd(config, tokenizer)]);
  return { tokenizer, ...(template === undefined ? {} : { template }), stop: [...stop] };
}

async function tokenizerOf(folder: string, config: Json): Promise<Tokenizer> {
  const path = join(folder, 'tokenizer.json');
  const written = await readJsonIfThere(path);
  if (written !== undefined) {
    const { huggingFaceTokenizer } = await import('../../text/hugging-face.ts');
    return huggingFaceTokenizer(asObject(written, path), config);
  }
  const characters = await readJsonIfThere(join(folder, 'vocab.json'));
  if (isListOfText(characters)) return (await import('../../text/characters.ts')).characterTokenizer(characters);
  const missing =
    characters === undefined
      ? `${folder} has no tokenizer.json, and no vocab.json (a list of characters)`
      : `${join(folder, 'vocab.json')} is not a list of characters, and there is no tokenizer.json beside it`;
  throw new InputError(`${missing}: save the model's tokenizer there`);
}

/** Newer models have the template in a file of its own; some have several, of which `default` is for plain text. */
async function templateOf(folder: string, config: Json): Promise<ChatTemplate | undefined> {
  const written = (await readTextIfThere(join(folder, 'chat_template.jinja'))) ?? config.chat_template;
  const several = Array.isArray(written) ? written.find((one) => isObject(one) && one.name === 'default') : undefined;
  const text = isObject(several) ? several.template : written;
  if (typeof text !== 'string') return undefined;
  const { chatTemplate } = await import('../../text/chat-template.ts');
  return chatTemplate(text, specialTokens(config));
}

/** `bos_token` and the like, written as text or as `{ content }`. */
function specialTokens(config: Json): Readonly<Record<string, string>> {
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(config)) {
    const text = isObject(value) ? value.content : value;
    if (name.endsWith('_token') && typeof text === 'string') tokens[name] = text;
  }
  return tokens;
}

function namedEnd(config: Json, tokenizer: Tokenizer): readonly number[] {
  const name = specialTokens(config).eos_token;
  const id = name === undefined ? undefined : tokenizer.idOf(name);
  return id === undefined ? [] : [id];
}

function endIds({ eos_token_id: written }: Json): readonly number[] {
  const ids: readonly unknown[] = Array.isArray(written) ? written : [written];
  return ids.filter((id): id is number => Number.isSafeInteger(id));
}

function asObject(value: unknown, path: string): Json {
  if (value === undefined) return {};
  if (!isObject(value)) throw new InputError(`${path} is not a JSON object`);
  return value;
}

function isListOfText(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
