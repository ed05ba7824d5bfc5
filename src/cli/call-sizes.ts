import { type CallSizes, usualSizes } from '../compiler/facts/cost-report.ts';
import type { ModuleFacts } from '../runtime/abi1/definition.ts';
import { readNumber } from './output.ts';

export interface CallSizeFlags {
  readonly tokens?: string;
  readonly keys?: string;
}

/** What `--tokens` and `--keys` ask for, or what is usual. @throws InputError for what the model has no room for */
export function callSizes({ tokens, keys }: CallSizeFlags, facts: ModuleFacts): CallSizes {
  const usual = usualSizes(facts);
  const most = facts.context || 2 ** 24;
  return {
    tokens: tokens === undefined ? usual.tokens : readNumber('--tokens', tokens, 2, most),
    keys: keys === undefined ? usual.keys : readNumber('--keys', keys, 1, most),
  };
}
