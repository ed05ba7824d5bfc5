import type { ArithmeticOperator, ComparisonOperator, LogicalOperator } from './tree.ts';

/** A half-open range of an expression's own text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export type BinaryOperator = ArithmeticOperator | ComparisonOperator | LogicalOperator;

/** An expression as written: names are not looked up, types not known. */
export type Syntax = Range &
  (
    | { readonly kind: 'number'; readonly text: string }
    | { readonly kind: 'truth'; readonly value: boolean }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'index'; readonly name: string; readonly nameEnd: number; readonly indices: readonly Syntax[] }
    | { readonly kind: 'call'; readonly name: string; readonly nameEnd: number; readonly operands: readonly Syntax[] }
    | { readonly kind: 'unary'; readonly operator: '-' | '!'; readonly operand: Syntax }
    | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Syntax; readonly right: Syntax }
  );

/** Why a text is no expression, and where. */
export interface SyntaxProblem {
  readonly at: Range;
  readonly problem: string;
  readonly help?: string;
}
