import type { Report } from '../diagnostics/report.ts';
import type { Span } from '../source/source.ts';
import type { KnownRanges } from './ranges.ts';
import type { Range, Syntax } from './syntax.ts';
import type { BuiltinName, Expression, ValueType } from './tree.ts';

/** What an expression may name where it stands. */
export interface Scope {
  /** Names that have no value here, each with the reason. */
  readonly unavailable: ReadonlyMap<BuiltinName, string>;
  /** The shape of each declared parameter. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /** The functions that the spec declares. */
  readonly functions: ReadonlyMap<string, DeclaredFunction>;
  readonly ranges: KnownRanges;
  readonly spanOf: (range: Range) => Span;
  readonly suggest: (name: string, known: readonly string[]) => string | undefined;
  readonly report: Report;
}

/** Its body is typed at each call, with the operands in the places of its parameters. */
export interface DeclaredFunction {
  readonly params: readonly string[];
  readonly body: Syntax;
  /** Places in the body. */
  readonly spanOf: (range: Range) => Span;
}

export interface Typed {
  readonly expression: Expression;
  /** Where a part of it is written; parts that were added have the place of what they were added to. */
  readonly placeOf: (part: Expression) => Span | undefined;
  /** Names of the declared functions that it calls. */
  readonly calls: ReadonlySet<string>;
}

/** What those who write score functions for FlexAttention, or in prose, call ours. */
export const otherNames: ReadonlyMap<string, BuiltinName> = new Map([
  ['score', 's'],
  ['logit', 's'],
  ['logits', 's'],
  ['q_idx', 'q'],
  ['kv_idx', 'k'],
  ['k_idx', 'k'],
  ['head', 'h'],
  ['batch', 'b'],
]);

export const nameTypes: Readonly<Record<BuiltinName, ValueType>> = {
  s: 'f32',
  q: 'i32',
  k: 'i32',
  h: 'i32',
  kv: 'i32',
  b: 'i32',
  q_len: 'i32',
  k_len: 'i32',
  is_memory: 'bool',
  is_zero: 'bool',
};

export function isBuiltinName(name: string): name is BuiltinName {
  return Object.hasOwn(nameTypes, name);
}

export const typeWords: Readonly<Record<ValueType, string>> = {
  bool: 'true or false',
  i32: 'an integer',
  f32: 'a number',
};
