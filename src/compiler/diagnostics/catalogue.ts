import { cacheRules } from './catalogue/cache.ts';
import { expertRules } from './catalogue/experts.ts';
import { exportRules } from './catalogue/exports.ts';
import { expressionRules } from './catalogue/expressions.ts';
import { headRules } from './catalogue/heads.ts';
import { hookRules } from './catalogue/hooks.ts';
import { includeRules } from './catalogue/includes.ts';
import { lintRules } from './catalogue/lint.ts';
import { logitRules } from './catalogue/logits.ts';
import { memoryRules } from './catalogue/memory.ts';
import { optionRules } from './catalogue/options.ts';
import { positionRules } from './catalogue/positions.ts';
import { schemaRules } from './catalogue/schema.ts';
import { shardingRules } from './catalogue/sharding.ts';
import { syntaxRules } from './catalogue/syntax.ts';
import { targetRules } from './catalogue/targets.ts';
import { weightRules } from './catalogue/weights.ts';
import type { Entry } from './entry.ts';

/** Every diagnostic, by its code. Codes are never reused. */
export const catalogue = {
  ...syntaxRules,
  ...includeRules,
  ...schemaRules,
  ...headRules,
  ...memoryRules,
  ...cacheRules,
  ...positionRules,
  ...logitRules,
  ...expertRules,
  ...hookRules,
  ...expressionRules,
  ...optionRules,
  ...weightRules,
  ...shardingRules,
  ...targetRules,
  ...exportRules,
  ...lintRules,
} satisfies Record<string, Entry<never>>;

export type Code = keyof typeof catalogue;
export type ArgsOf<C extends Code> = (typeof catalogue)[C] extends Entry<infer A> ? A : never;

export const codes: readonly Code[] = Object.freeze(Object.keys(catalogue) as Code[]);

export function isCode(text: string): text is Code {
  return Object.hasOwn(catalogue, text);
}
