import { constantOf } from './evaluate.ts';
import { contains, type Interval, i32Range, type RangeOf } from './ranges.ts';
import { type Expression, find } from './tree.ts';

export interface ValueProblem {
  readonly problem: string;
  readonly help: string;
}

/**
 * Why an expression may have no value that 32 bits hold: an integer that is too large, a constant that is not finite, a division by
 * zero, or a logarithm or root of an integer that may be too small. Operands that are only known at run time are trusted.
 */
export function valueProblem(expression: Expression, rangeOf: RangeOf): ValueProblem | undefined {
  if (expression.kind === 'arithmetic' && ['/', '//', '%'].includes(expression.operator)) {
    const divisor = divisorProblem(expression.right, rangeOf);
    if (divisor !== undefined) return divisor;
  }
  if (expression.type === 'i32') {
    const range = rangeOf(expression);
    if (range.low >= i32Range.low && range.high <= i32Range.high) return undefined;
    const problem = `this integer is ${rangeText(range)}: 32 bits may not hold it`;
    return { problem, help: 'write `1.0 * x` to compute with floats' };
  }
  const domain = domainProblem(expression, rangeOf);
  if (domain !== undefined || expression.type !== 'f32' || !isConstant(expression)) return domain;
  if (Number.isFinite(Math.fround(constantOf(expression)))) return undefined;
  return { problem: 'this has no finite value', help: 'use numbers for which it has one' };
}

function divisorProblem(divisor: Expression, rangeOf: RangeOf): ValueProblem | undefined {
  if (isConstant(divisor)) {
    if (constantOf(divisor) !== 0) return undefined;
    return { problem: 'this divides by zero', help: 'divide by another number' };
  }
  const integer = integerWithin(divisor);
  if (integer === undefined || !contains(rangeOf(integer), 0)) return undefined;
  return { problem: 'what this divides by may be zero', help: 'divide by `max(…, 1)`' };
}

function domainProblem(expression: Expression, rangeOf: RangeOf): ValueProblem | undefined {
  if (expression.kind !== 'call' || (expression.function !== 'log' && expression.function !== 'sqrt')) return undefined;
  const integer = expression.operands[0] && integerWithin(expression.operands[0]);
  const least = expression.function === 'log' ? 1 : 0;
  const low = integer === undefined ? least : rangeOf(integer).low;
  if (low >= least) return undefined;
  const problem = `\`${expression.function}\` of an integer below ${least}, which this may be, is not defined`;
  return { problem, help: `write \`${expression.function}(max(…, ${least}))\`` };
}

/** The integer that an operand is or was converted from. */
function integerWithin(operand: Expression): Expression | undefined {
  if (operand.type === 'i32') return operand;
  return operand.kind === 'to_f32' ? operand.operand : undefined;
}

/** The slope of a constant head is a constant too, which the language does not know. */
function isConstant(expression: Expression): boolean {
  const varies = (part: Expression) =>
    part.kind === 'name' || part.kind === 'parameter' || (part.kind === 'call' && part.function === 'alibi_slope');
  return find(expression, varies) === undefined;
}

export function rangeText({ low, high }: Interval): string {
  return low === high ? String(low) : `from ${low} to ${high}`;
}
