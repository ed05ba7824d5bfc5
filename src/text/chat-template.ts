import { Template } from '@huggingface/jinja';
import { UsageError } from '../runtime/abi1/errors.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Messages to the text that the model was trained on, up to where its answer begins. @throws UsageError when the template refuses them. */
export type ChatTemplate = (messages: readonly ChatMessage[]) => string;

/** `specialTokens` are what a template may name: `bos_token`, `eos_token`, … @throws UsageError when it is no Jinja template. */
export function chatTemplate(source: string, specialTokens: Readonly<Record<string, string>>): ChatTemplate {
  const template = attempt('cannot be read', () => new Template(source));
  return (messages) =>
    attempt('refuses these messages', () =>
      template.render({ ...specialTokens, messages: [...messages], add_generation_prompt: true }),
    );
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError(`the chat template ${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
