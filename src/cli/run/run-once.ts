import type { Model } from '../../runtime/abi1/index.ts';
import { type FinishReason, TextSession } from '../../text/text-session.ts';
import { countOf, exitCodes } from '../output.ts';
import { checkRoom, encodeChat, loadTextModel, type RunSettings, type TextModel } from './run-model.ts';

interface Generated {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finish: FinishReason | 'interrupted';
  readonly seconds: { readonly load: number; readonly firstToken: number | null; readonly total: number };
  /** Tokens after the first, in a second; null without a second token. */
  readonly tokensPerSecond: number | null;
}

/** One prompt, one text: streamed to standard output, or as JSON at the end. */
export async function generateOnce(
  textModel: TextModel,
  given: string,
  settings: RunSettings,
  signal: AbortSignal,
): Promise<number> {
  const prompt = given === '-' ? await readInput() : given;
  const system = settings.system === undefined ? [] : [{ role: 'system' as const, content: settings.system }];
  const ids = encodeChat(textModel, [...system, { role: 'user', content: prompt }], settings.raw);
  const { context } = textModel;
  const capacity = Math.min(context, settings.context ?? ids.length + settings.sampling.maxTokens);
  checkRoom(ids, capacity, context);
  const started = performance.now();
  const model = await loadTextModel(textModel, signal);
  try {
    const loaded = performance.now();
    const write = settings.json ? () => {} : (text: string) => void process.stdout.write(text);
    const generated = await generate({ model, textModel, ids, capacity, settings, signal, write });
    const report = { ...generated, seconds: { load: (loaded - started) / 1000, ...generated.seconds } };
    if (settings.json) process.stdout.write(`${JSON.stringify(jsonReport(prompt, ids, report), null, 2)}\n`);
    else printEnd(report);
  } finally {
    model.dispose();
  }
  return exitCodes.clean;
}

interface Work {
  readonly model: Model;
  readonly textModel: TextModel;
  readonly ids: readonly number[];
  readonly capacity: number;
  readonly settings: RunSettings;
  readonly signal: AbortSignal;
  readonly write: (text: string) => void;
}

async function generate({ model, textModel, ids, capacity, settings, signal, write }: Work) {
  const session = new TextSession(await model.createSession({ capacity }), textModel.text.tokenizer);
  const started = performance.now();
  const pieces = session.reply(ids, { ...settings.sampling, stop: textModel.text.stop, signal });
  const tokens: number[] = [];
  let text = '';
  let first: number | undefined;
  let finish: Generated['finish'] = 'interrupted';
  try {
    for (let next = await pieces.next(); ; next = await pieces.next()) {
      if (next.done) {
        finish = next.value;
        break;
      }
      first ??= performance.now();
      tokens.push(...next.value.tokens);
      text += next.value.text;
      write(next.value.text);
    }
  } catch (error) {
    // What has been generated until Ctrl-C is reported like any other text.
    if (!signal.aborted || error !== signal.reason) throw error;
  }
  const ended = performance.now();
  return {
    text,
    tokens,
    finish,
    seconds: { firstToken: first === undefined ? null : (first - started) / 1000, total: (ended - started) / 1000 },
    tokensPerSecond: first === undefined || tokens.length < 2 ? null : (1000 * (tokens.length - 1)) / (ended - first),
  };
}

function jsonReport(prompt: string, ids: readonly number[], generated: Generated) {
  return { schemaVersion: 1, prompt, promptTokens: ids, ...generated };
}

function printEnd({ tokens, finish, seconds, tokensPerSecond }: Generated): void {
  process.stdout.write('\n');
  const rate = tokensPerSecond === null ? '' : `, ${tokensPerSecond.toFixed(1)} a second`;
  const first = seconds.firstToken === null ? '' : `, first token after ${seconds.firstToken.toFixed(2)} s`;
  const loaded = `loaded in ${seconds.load.toFixed(1)} s`;
  process.stderr.write(`${countOf(tokens.length, 'token')}${rate}; ${loaded}${first}; ended by ${finish}\n`);
}

async function readInput(): Promise<string> {
  const { text } = await import('node:stream/consumers');
  return text(process.stdin);
}
