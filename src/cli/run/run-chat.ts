import { createInterface } from 'node:readline';
import type { ChatMessage } from '../../text/chat-template.ts';
import { type TextPiece, TextSession } from '../../text/text-session.ts';
import { exitCodes } from '../output.ts';
import { checkRoom, encodeChat, loadTextModel, type RunSettings, type TextModel } from './run-model.ts';

/** Enough for a conversation, and no more memory than most devices have. */
const defaultContext = 4096;

/**
 * A conversation on a terminal, until Ctrl-D or Ctrl-C. The session keeps its cache between turns: a turn runs what is new only.
 * Without a chat template, what is typed is text to go on from, each time anew.
 */
export async function converse(textModel: TextModel, settings: RunSettings, signal: AbortSignal): Promise<number> {
  const model = await loadTextModel(textModel, signal);
  const terminal = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ', signal });
  // In raw mode the terminal sends no signal: readline tells.
  terminal.on('SIGINT', () => process.emit('SIGINT'));
  try {
    const capacity = Math.min(textModel.context, settings.context ?? defaultContext);
    const session = new TextSession(await model.createSession({ capacity }), textModel.text.tokenizer);
    const messages: ChatMessage[] = settings.system === undefined ? [] : [{ role: 'system', content: settings.system }];
    terminal.prompt();
    for await (const line of terminal) {
      if (line.trim() !== '') {
        messages.push({ role: 'user', content: line });
        const ids = encodeChat(textModel, messages, settings.raw);
        checkRoom(ids, capacity, textModel.context);
        const pieces = session.reply(ids, { ...settings.sampling, stop: textModel.text.stop, signal });
        messages.push({ role: 'assistant', content: await stream(pieces) });
      }
      terminal.prompt();
    }
    return exitCodes.clean;
  } finally {
    terminal.close();
    model.dispose();
  }
}

async function stream(pieces: AsyncIterable<TextPiece>): Promise<string> {
  let content = '';
  try {
    for await (const { text } of pieces) {
      content += text;
      process.stdout.write(text);
    }
  } finally {
    process.stdout.write('\n');
  }
  return content;
}
