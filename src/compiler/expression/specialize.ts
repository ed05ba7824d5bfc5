import { logic, not, select, toF32 } from './build.ts';
import { type Expression, operandsOf, truth, withOperands } from './tree.ts';

/** Key columns come in three kinds; only those of the sequence have a position. */
export type ColumnKind = 'sequence' | 'memory' | 'zero';

/** The expression on columns of one kind, where `is_memory` and `is_zero` are known. */
export function specialize(expression: Expression, column: ColumnKind): Expression {
  if (expression.kind === 'name') {
    if (expression.name === 'is_memory') return truth(column === 'memory');
    return expression.name === 'is_zero' ? truth(column === 'zero') : expression;
  }
  const own = operandsOf(expression);
  const operands = own.map((operand) => specialize(operand, column));
  return operands.every((operand, index) => operand === own[index]) ? expression : rebuilt(expression, operands);
}

function rebuilt(expression: Expression, operands: readonly Expression[]): Expression {
  const [first, second, third] = operands;
  if (first === undefined) return expression;
  if (expression.kind === 'not') return not(first);
  if (expression.kind === 'to_f32') return toF32(first);
  if (second === undefined) return withOperands(expression, operands);
  if (expression.kind === 'logic') return logic(expression.operator, first, second);
  if (expression.kind === 'call' && expression.function === 'select' && third !== undefined) {
    return select(first, second, third);
  }
  return withOperands(expression, operands);
}
