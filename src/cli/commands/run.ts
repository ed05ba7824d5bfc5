import type { Command } from 'commander';
import { exitCodes, InputError, readNumber } from '../output.ts';
import type { RunSettings } from '../run/run-model.ts';

interface RunFlags {
  readonly prompt?: string;
  readonly system?: string;
  readonly raw?: boolean;
  readonly maxTokens: string;
  readonly temperature: string;
  readonly topP: string;
  readonly topK: string;
  readonly seed: string;
  readonly context?: string;
  readonly weights?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('run')
    .description('generate text with a model: a folder with its spec or config, weights and tokenizer')
    .argument('<model>', 'folder, spec file, or config.json of another system')
    .option('--prompt <text>', 'text to go on from, - for standard input; without it a conversation, on a terminal')
    .option('--system <text>', 'what the model is told first, in models with a chat template')
    .option('--raw', 'take the prompt as it is, not as a message of a chat')
    .option('--max-tokens <n>', 'tokens to generate at most', '256')
    .option('--temperature <t>', '0 takes the most likely token always', '0')
    .option('--top-p <p>', 'draw from the fewest tokens that have this probability together', '1')
    .option('--top-k <k>', 'draw from the k most likely tokens, 0 for all', '0')
    .option('--seed <n>', 'one seed gives one text', '0')
    .option('--context <n>', 'tokens that the cache holds; default: prompt and --max-tokens, in a conversation 4096')
    .option('--weights <file>', 'checkpoint: a .safetensors file, or the .index.json of a sharded one')
    .option('--json', 'print one JSON object at the end instead of text as it comes')
    .action(async (path: string, flags: RunFlags) => {
      process.exitCode = await run(path, flags);
    });
}

/** Exit code: 0 generated, 1 the spec or config has errors, 4 no usable GPU, 130 interrupted. */
async function run(path: string, flags: RunFlags): Promise<number> {
  const settings = readSettings(flags);
  if (settings.prompt === undefined && process.stdin.isTTY !== true)
    throw new InputError('say what to go on from with --prompt TEXT, or --prompt - for standard input');
  const { openTextModel } = await import('../run/run-model.ts');
  const model = await openTextModel(path, settings);
  if (model === undefined) return exitCodes.findings;
  const { interruptible } = await import('../interrupt.ts');
  return interruptible(async (signal) => {
    if (settings.prompt === undefined) return (await import('../run/run-chat.ts')).converse(model, settings, signal);
    return (await import('../run/run-once.ts')).generateOnce(model, settings.prompt, settings, signal);
  });
}

function readSettings(flags: RunFlags): RunSettings {
  if (flags.json && flags.prompt === undefined) throw new InputError('--json needs --prompt');
  return {
    ...(flags.prompt === undefined ? {} : { prompt: flags.prompt }),
    ...(flags.system === undefined ? {} : { system: flags.system }),
    ...(flags.weights === undefined ? {} : { weights: flags.weights }),
    ...(flags.context === undefined ? {} : { context: readNumber('--context', flags.context, 1, 2 ** 24) }),
    raw: flags.raw ?? false,
    json: flags.json ?? false,
    sampling: {
      maxTokens: readNumber('--max-tokens', flags.maxTokens, 1, 2 ** 24),
      temperature: number('--temperature', flags.temperature, (value) => value >= 0, 'of 0 or more'),
      topP: number('--top-p', flags.topP, (value) => value > 0 && value <= 1, 'above 0 and at most 1'),
      topK: readNumber('--top-k', flags.topK, 0, 2 ** 24),
      seed: readNumber('--seed', flags.seed, 0, 2 ** 32 - 1),
    },
  };
}

function number(flag: string, text: string, accepts: (value: number) => boolean, range: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && accepts(value)) return value;
  throw new InputError(`${flag} ${text} is not a number ${range}`);
}
