import { type MarkupContent, MarkupKind } from 'vscode-languageserver/node';
import type { OptionNode } from '../../grammar/option.ts';
import { defaultText, expectation } from '../../grammar/words.ts';

/** What an option is, as docs/options.md says it. */
export function optionText(option: OptionNode, path: readonly string[]): MarkupContent {
  const fallback = option.required ? 'required' : (defaultText(option) ?? 'absent');
  const lines = [`**${path.join('.')}**: ${expectation(option)}`, option.doc, `Default: ${fallback}`];
  return { kind: MarkupKind.Markdown, value: lines.join('\n\n') };
}
