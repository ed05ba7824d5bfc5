import { type EvaluationFacts, functions } from './functions.ts';
import type { BuiltinName, Expression } from './tree.ts';

/** Where an expression is evaluated. A name without a value there, as `k` on a memory column, is NaN. */
export interface Environment extends EvaluationFacts {
  readonly valueOf: (name: BuiltinName) => number;
  /** The entry of a parameter in row-major order. */
  readonly entryOf: (parameter: string, at: number) => number;
}

/** The f64 reading of an expression. Truth values are 1 and 0. */
export function evaluate(expression: Expression, environment: Environment): number {
  const of = (part: Expression) => evaluate(part, environment);
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'truth':
      return Number(expression.value);
    case 'name':
      return environment.valueOf(expression.name);
    case 'parameter': {
      const { shape, indices, name } = expression;
      return environment.entryOf(name, offsetOf(shape, indices.map(of)));
    }
    case 'to_f32':
      return of(expression.operand);
    case 'negate':
      return -of(expression.operand);
    case 'not':
      return 1 - of(expression.operand);
    case 'arithmetic':
      return arithmetic(expression.operator, of(expression.left), of(expression.right));
    case 'comparison':
      return Number(compare(expression.operator, of(expression.left), of(expression.right)));
    case 'logic': {
      const [left, right] = [of(expression.left), of(expression.right)];
      return expression.operator === '&' ? Math.min(left, right) : Math.max(left, right);
    }
    case 'call':
      return functions[expression.function].evaluate(expression.operands.map(of), environment);
  }
}

/** Row-major; NaN when an index is. */
function offsetOf(shape: readonly number[], indices: readonly number[]): number {
  return shape.reduce((offset, extent, axis) => offset * extent + (indices[axis] ?? Number.NaN), 0);
}

function arithmetic(
  operator: Extract<Expression, { kind: 'arithmetic' }>['operator'],
  left: number,
  right: number,
): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '//':
      return Math.floor(left / right);
    case '%':
      return left - right * Math.floor(left / right);
  }
}

function compare(
  operator: Extract<Expression, { kind: 'comparison' }>['operator'],
  left: number,
  right: number,
): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '==':
      return left === right;
    case '!=':
      return left !== right;
  }
}

const nothing: Environment = {
  valueOf: () => Number.NaN,
  entryOf: () => Number.NaN,
  slopeOf: () => Number.NaN,
};

/** The value of an expression without names and parameters; NaN for one that has any, or that has none. */
export function constantOf(expression: Expression): number {
  return evaluate(expression, nothing);
}
