/** Types of the expression language: 32-bit integers and floats as on the device, and truth values. */
export type ValueType = 'bool' | 'i32' | 'f32';

/** What an expression may name besides its parameters. */
export type BuiltinName = 's' | 'q' | 'k' | 'h' | 'kv' | 'b' | 'q_len' | 'k_len' | 'is_memory' | 'is_zero';

export type FunctionName =
  | 'abs'
  | 'alibi_slope'
  | 'clamp'
  | 'exp'
  | 'floor'
  | 'log'
  | 'max'
  | 'min'
  | 'select'
  | 'softcap'
  | 'sqrt'
  | 'tanh';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '//' | '%';
export type ComparisonOperator = '<' | '<=' | '>' | '>=' | '==' | '!=';
export type LogicalOperator = '&' | '|';

/**
 * A typed expression: every operand has the type that its operator takes, with conversions written out. Plain data without
 * places in a text, so that equal expressions are equal wherever they were written.
 */
export type Expression =
  | { readonly kind: 'number'; readonly type: 'i32' | 'f32'; readonly value: number }
  | { readonly kind: 'truth'; readonly type: 'bool'; readonly value: boolean }
  | { readonly kind: 'name'; readonly type: ValueType; readonly name: BuiltinName }
  | ParameterEntry
  | { readonly kind: 'to_f32'; readonly type: 'f32'; readonly operand: Expression }
  | { readonly kind: 'negate'; readonly type: 'i32' | 'f32'; readonly operand: Expression }
  | { readonly kind: 'not'; readonly type: 'bool'; readonly operand: Expression }
  | {
      readonly kind: 'arithmetic';
      readonly type: 'i32' | 'f32';
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'comparison';
      readonly type: 'bool';
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'logic';
      readonly type: 'bool';
      readonly operator: LogicalOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | Call;

/** One entry of a parameter's tensor; indices lie within its axes. */
export interface ParameterEntry {
  readonly kind: 'parameter';
  readonly type: 'f32';
  readonly name: string;
  readonly shape: readonly number[];
  readonly indices: readonly Expression[];
}

export interface Call {
  readonly kind: 'call';
  readonly type: ValueType;
  readonly function: FunctionName;
  readonly operands: readonly Expression[];
}

export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'number':
    case 'truth':
    case 'name':
      return [];
    case 'parameter':
      return expression.indices;
    case 'to_f32':
    case 'negate':
    case 'not':
      return [expression.operand];
    case 'arithmetic':
    case 'comparison':
    case 'logic':
      return [expression.left, expression.right];
    case 'call':
      return expression.operands;
  }
}

/** The same expression over other operands. */
export function withOperands(expression: Expression, operands: readonly Expression[]): Expression {
  const at = (index: number) => operands[index] ?? expression;
  switch (expression.kind) {
    case 'number':
    case 'truth':
    case 'name':
      return expression;
    case 'parameter':
      return { ...expression, indices: operands };
    case 'to_f32':
    case 'negate':
    case 'not':
      return { ...expression, operand: at(0) };
    case 'arithmetic':
    case 'comparison':
    case 'logic':
      return { ...expression, left: at(0), right: at(1) };
    case 'call':
      return { ...expression, operands };
  }
}

/** The first expression within this one, itself included, that a test holds for. */
export function find(expression: Expression, test: (part: Expression) => boolean): Expression | undefined {
  if (test(expression)) return expression;
  for (const operand of operandsOf(expression)) {
    const found = find(operand, test);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function mentions(expression: Expression, ...names: readonly BuiltinName[]): boolean {
  return find(expression, (part) => part.kind === 'name' && names.includes(part.name)) !== undefined;
}

/** How deep expressions are nested. Operators of one level in a row are one level, however long. */
export function nestings(): (expression: Expression) => number {
  const found = new WeakMap<Expression, number>();
  const nestingOf = (expression: Expression): number => {
    const known = found.get(expression);
    if (known !== undefined) return known;
    const inner = operandsOf(expression).map((operand, index) =>
      index === 0 && isRow(expression, operand) ? nestingOf(operand) - 1 : nestingOf(operand),
    );
    const nesting = 1 + Math.max(0, ...inner);
    found.set(expression, nesting);
    return nesting;
  };
  return nestingOf;
}

function isRow(expression: Expression, left: Expression): boolean {
  if (expression.kind === 'logic') return left.kind === 'logic' && left.operator === expression.operator;
  if (expression.kind !== 'arithmetic' || left.kind !== 'arithmetic') return false;
  return '+-'.includes(expression.operator) === '+-'.includes(left.operator);
}

export const i32 = (value: number): Expression => ({ kind: 'number', type: 'i32', value });
export const f32 = (value: number): Expression => ({ kind: 'number', type: 'f32', value });
export const truth = (value: boolean): Expression => ({ kind: 'truth', type: 'bool', value });
