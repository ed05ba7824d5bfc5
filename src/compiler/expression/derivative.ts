import { add, divide, isSame, multiply, negate, subtract, zero } from './build.ts';
import { functions } from './functions.ts';
import { type Expression, f32, operandsOf, type ParameterEntry } from './tree.ts';

/** The derivative of a score with respect to the scaled logit s. Conditions and integers are constant: at a step, that of either side. */
export function derivativeByLogit(score: Expression): Expression {
  return derivative(score, (part) => part.kind === 'name' && part.name === 's');
}

/** What one entry of a parameter contributes: the derivative with respect to the parameter is the sum of these, each at its indices. */
export interface EntryDerivative {
  readonly indices: readonly Expression[];
  readonly value: Expression;
}

/** The derivative of a score with respect to a parameter: one term for each way in which the score indexes it. */
export function derivativesByParameter(score: Expression, name: string): readonly EntryDerivative[] {
  const entries: ParameterEntry[] = [];
  const collect = (part: Expression): void => {
    const isNew = part.kind === 'parameter' && part.name === name && !entries.some((entry) => isSame(entry, part));
    if (isNew) entries.push(part);
    operandsOf(part).forEach(collect);
  };
  collect(score);
  return entries.map((entry) => ({
    indices: entry.indices,
    value: derivative(score, (part) => isSame(part, entry)),
  }));
}

function derivative(expression: Expression, isVariable: (part: Expression) => boolean): Expression {
  if (expression.type !== 'f32') return zero;
  if (isVariable(expression)) return f32(1);
  const of = (part: Expression) => derivative(part, isVariable);
  switch (expression.kind) {
    case 'negate':
      return negate(of(expression.operand));
    case 'arithmetic':
      return ofArithmetic(expression, of);
    case 'call':
      return functions[expression.function].derivative(expression.operands, expression.operands.map(of));
    default:
      return zero;
  }
}

function ofArithmetic(
  { operator, left, right }: Extract<Expression, { kind: 'arithmetic' }>,
  of: (part: Expression) => Expression,
): Expression {
  const [dLeft, dRight] = [of(left), of(right)];
  switch (operator) {
    case '+':
      return add(dLeft, dRight);
    case '-':
      return subtract(dLeft, dRight);
    case '*':
      return add(multiply(dLeft, right), multiply(left, dRight));
    case '/':
      return subtract(divide(dLeft, right), divide(multiply(left, dRight), multiply(right, right)));
    case '//':
    case '%':
      return zero;
  }
}
