import { type ArithmeticOperator, type Expression, type FunctionName, f32, truth } from './tree.ts';

/** Expressions of what is already typed, without operations that change nothing. */

export function negate(operand: Expression): Expression {
  if (operand.kind === 'number') return { ...operand, value: -operand.value };
  if (operand.kind === 'negate') return operand.operand;
  return { kind: 'negate', type: operand.type === 'i32' ? 'i32' : 'f32', operand };
}

export function add(left: Expression, right: Expression): Expression {
  if (isNumber(left, 0)) return right;
  if (isNumber(right, 0)) return left;
  if (right.kind === 'negate') return arithmetic('-', left, right.operand);
  return arithmetic('+', left, right);
}

export function subtract(left: Expression, right: Expression): Expression {
  if (isNumber(right, 0)) return left;
  if (isNumber(left, 0)) return negate(right);
  return arithmetic('-', left, right);
}

export function multiply(left: Expression, right: Expression): Expression {
  if (isNumber(left, 0) || isNumber(right, 1)) return left;
  if (isNumber(right, 0) || isNumber(left, 1)) return right;
  if (left.kind === 'negate') return negate(multiply(left.operand, right));
  if (right.kind === 'negate') return negate(multiply(left, right.operand));
  return arithmetic('*', left, right);
}

export function divide(left: Expression, right: Expression): Expression {
  if (isNumber(left, 0) || isNumber(right, 1)) return left;
  return arithmetic('/', left, right);
}

export function call(name: FunctionName, ...operands: readonly Expression[]): Expression {
  const type = operands.at(-1)?.type ?? 'f32';
  return { kind: 'call', type, function: name, operands };
}

export function select(condition: Expression, whenTrue: Expression, whenFalse: Expression): Expression {
  if (condition.kind === 'truth') return condition.value ? whenTrue : whenFalse;
  if (isSame(whenTrue, whenFalse)) return whenTrue;
  return call('select', condition, whenTrue, whenFalse);
}

export function not(operand: Expression): Expression {
  if (operand.kind === 'truth') return truth(!operand.value);
  if (operand.kind === 'not') return operand.operand;
  return { kind: 'not', type: 'bool', operand };
}

export function logic(operator: '&' | '|', left: Expression, right: Expression): Expression {
  // The value that decides alone, whatever the other side is.
  const decisive = operator === '|';
  if (left.kind === 'truth') return left.value === decisive ? left : right;
  if (right.kind === 'truth') return right.value === decisive ? right : left;
  return { kind: 'logic', type: 'bool', operator, left, right };
}

export function less(left: Expression, right: Expression): Expression {
  return { kind: 'comparison', type: 'bool', operator: '<', left, right };
}

export function toF32(operand: Expression): Expression {
  if (operand.type === 'f32') return operand;
  return operand.kind === 'number' ? f32(operand.value) : { kind: 'to_f32', type: 'f32', operand };
}

/** In: operands of one type. */
export function arithmetic(operator: ArithmeticOperator, left: Expression, right: Expression): Expression {
  return { kind: 'arithmetic', type: left.type === 'i32' ? 'i32' : 'f32', operator, left, right };
}

export function isSame(a: Expression, b: Expression): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function isNumber(expression: Expression, value: number): boolean {
  return expression.kind === 'number' && expression.value === value;
}

export const zero = f32(0);
export const one = f32(1);
