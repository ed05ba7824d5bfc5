import { affineOf } from './affine.ts';
import type { BuiltinName, Call, Expression } from './tree.ts';

/** Integers from `low` to `high`, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** What is known of the integers that an expression names. */
export interface KnownRanges {
  readonly names: Readonly<Partial<Record<BuiltinName, Interval>>>;
  /** Of q − k, which masks may bound more tightly than q and k themselves. */
  readonly distance: Interval;
}

export const i32Range: Interval = { low: -(2 ** 31), high: 2 ** 31 - 1 };

/** Where the values of integer expressions lie, as far as their parts are known. */
export type RangeOf = (expression: Expression) => Interval;

export function rangesIn(known: KnownRanges): RangeOf {
  const found = new WeakMap<Expression, Interval>();
  const rangeOf: RangeOf = (expression) => {
    const range = found.get(expression) ?? tightRange(expression, known, rangeOf);
    found.set(expression, range);
    return range;
  };
  return rangeOf;
}

function tightRange(expression: Expression, known: KnownRanges, of: RangeOf): Interval {
  const affine = affineOf(expression);
  const own = ownRange(expression, known, of);
  if (affine === undefined || affine.q === 0 || affine.q !== -affine.k) return own;
  const { low, high } = known.distance;
  const ends = [affine.q * low + affine.constant, affine.q * high + affine.constant];
  return both(own, { low: Math.min(...ends), high: Math.max(...ends) });
}

function ownRange(expression: Expression, known: KnownRanges, of: RangeOf): Interval {
  switch (expression.kind) {
    case 'number':
      return point(expression.value);
    case 'name':
      return known.names[expression.name] ?? i32Range;
    case 'negate': {
      const { low, high } = of(expression.operand);
      return { low: -high, high: -low };
    }
    case 'arithmetic':
      return ofArithmetic(expression.operator, of(expression.left), of(expression.right));
    case 'call':
      return ofCall(expression, of);
    default:
      return i32Range;
  }
}

function ofArithmetic(operator: string, left: Interval, right: Interval): Interval {
  switch (operator) {
    case '+':
      return { low: left.low + right.low, high: left.high + right.high };
    case '-':
      return { low: left.low - right.high, high: left.high - right.low };
    case '*':
      return hull(pairs(left, right).map(([a, b]) => a * b));
    case '//':
      return contains(right, 0) ? i32Range : hull(pairs(left, right).map(([a, b]) => Math.floor(a / b)));
    case '%':
      return ofRemainder(left, right);
    default:
      return i32Range;
  }
}

/** The remainder of a floored division has the sign of the divisor. */
function ofRemainder(left: Interval, right: Interval): Interval {
  if (left.low >= 0 && left.high < right.low) return left;
  return { low: Math.min(right.low + 1, 0), high: Math.max(right.high - 1, 0) };
}

function ofCall({ function: name, operands }: Call, of: RangeOf): Interval {
  const [first, second, third] = (name === 'select' ? operands.slice(1) : operands).map((operand) =>
    operand.type === 'i32' ? of(operand) : i32Range,
  );
  if (first === undefined) return i32Range;
  if (name === 'abs') {
    const ends = [Math.abs(first.low), Math.abs(first.high)];
    return { low: contains(first, 0) ? 0 : Math.min(...ends), high: Math.max(...ends) };
  }
  if (second === undefined) return i32Range;
  switch (name) {
    case 'min':
      return smaller(first, second);
    case 'max':
      return larger(first, second);
    case 'clamp':
      return third === undefined ? i32Range : smaller(larger(first, second), third);
    case 'select':
      return hull([first.low, first.high, second.low, second.high]);
    default:
      return i32Range;
  }
}

export const contains = ({ low, high }: Interval, value: number) => low <= value && value <= high;

const point = (value: number): Interval => ({ low: value, high: value });
const hull = (values: readonly number[]): Interval => ({ low: Math.min(...values), high: Math.max(...values) });
const both = (a: Interval, b: Interval): Interval => ({ low: Math.max(a.low, b.low), high: Math.min(a.high, b.high) });
const smaller = (a: Interval, b: Interval): Interval => ({
  low: Math.min(a.low, b.low),
  high: Math.min(a.high, b.high),
});
const larger = (a: Interval, b: Interval): Interval => ({
  low: Math.max(a.low, b.low),
  high: Math.max(a.high, b.high),
});

function pairs(left: Interval, right: Interval): readonly (readonly [number, number])[] {
  return [left.low, left.high].flatMap((a) => [right.low, right.high].map((b) => [a, b] as const));
}
