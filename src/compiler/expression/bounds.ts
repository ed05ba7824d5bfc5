import { not } from './build.ts';
import type { Interval, RangeOf } from './ranges.ts';
import { type ComparisonOperator, type Expression, i32 } from './tree.ts';

/** What a condition implies of the sequence keys that it shows. Absent: nothing. */
export interface KeyBounds {
  /** q − k is at least and at most this. */
  readonly minDistance?: number;
  readonly maxDistance?: number;
  /** k is at least and at most this. */
  readonly firstKey?: number;
  readonly lastKey?: number;
}

/**
 * Bounds on the keys for which a condition can hold, whatever else it names: a kernel need not read others. Found in comparisons of
 * sums of q, k and anything of a known range, and in `abs` and `//` of these; through `&`, `|` and `!`.
 */
export function keyBounds(condition: Expression, rangeOf: RangeOf): KeyBounds {
  const of = (part: Expression) => keyBounds(part, rangeOf);
  switch (condition.kind) {
    case 'logic': {
      const combine = condition.operator === '&' ? both : either;
      return combine(of(condition.left), of(condition.right));
    }
    case 'not': {
      const opposite = negated(condition.operand);
      return opposite === undefined ? {} : of(opposite);
    }
    case 'comparison':
      return ofComparison(condition.operator, condition.left, condition.right, rangeOf);
    default:
      return {};
  }
}

const opposites = { '<': '>=', '<=': '>', '>': '<=', '>=': '<', '==': '!=', '!=': '==' } as const;

function negated(condition: Expression): Expression | undefined {
  switch (condition.kind) {
    case 'comparison':
      return { ...condition, operator: opposites[condition.operator] };
    case 'logic': {
      const operator = condition.operator === '&' ? '|' : '&';
      return { ...condition, operator, left: not(condition.left), right: not(condition.right) };
    }
    default:
      return undefined;
  }
}

function ofComparison(operator: ComparisonOperator, a: Expression, b: Expression, rangeOf: RangeOf): KeyBounds {
  const [left, right] = [integerOf(a), integerOf(b)];
  if (left === undefined || right === undefined) return {};
  const atMost = (x: Expression, y: Expression, slack: number) => ofAtMost(x, y, slack, rangeOf);
  switch (operator) {
    case '<':
      return atMost(left, right, 1);
    case '<=':
      return atMost(left, right, 0);
    case '>':
      return atMost(right, left, 1);
    case '>=':
      return atMost(right, left, 0);
    case '==':
      return both(atMost(left, right, 0), atMost(right, left, 0));
    case '!=':
      return {};
  }
}

/** An integer, or a float that is one. */
function integerOf(expression: Expression): Expression | undefined {
  if (expression.type === 'i32') return expression;
  if (expression.kind === 'to_f32') return expression.operand;
  return expression.kind === 'number' && Number.isSafeInteger(expression.value) ? i32(expression.value) : undefined;
}

/** What left + slack ≤ right implies. */
function ofAtMost(left: Expression, right: Expression, slack: number, rangeOf: RangeOf): KeyBounds {
  if (left.kind === 'call' && left.function === 'abs') {
    const [inner] = left.operands;
    if (inner === undefined) return {};
    const minus: Expression = { kind: 'negate', type: 'i32', operand: inner };
    return both(ofAtMost(inner, right, slack, rangeOf), ofAtMost(minus, right, slack, rangeOf));
  }
  const [dividend, other] = [quotient(left), quotient(right)];
  if (dividend !== undefined && other !== undefined && dividend.by === other.by) {
    // a // n ≤ b // n: a is at most n − 1 more than b; a // n < b // n: a is less than b.
    return ofLinear(difference(dividend.of, other.of, rangeOf), slack === 1 ? 1 : 1 - dividend.by);
  }
  return ofLinear(difference(left, right, rangeOf), slack);
}

function quotient(expression: Expression): { readonly of: Expression; readonly by: number } | undefined {
  if (expression.kind !== 'arithmetic' || expression.operator !== '//') return undefined;
  const { left, right } = expression;
  return right.kind === 'number' && right.value > 0 ? { of: left, by: right.value } : undefined;
}

/** q · `q` + k · `k` + something in `rest`. */
interface Linear {
  readonly q: number;
  readonly k: number;
  readonly rest: Interval;
}

function linearOf(expression: Expression, rangeOf: RangeOf): Linear {
  const opaque = { q: 0, k: 0, rest: rangeOf(expression) };
  switch (expression.kind) {
    case 'name':
      if (expression.name === 'q') return { q: 1, k: 0, rest: { low: 0, high: 0 } };
      return expression.name === 'k' ? { q: 0, k: 1, rest: { low: 0, high: 0 } } : opaque;
    case 'negate':
      return scaled(linearOf(expression.operand, rangeOf), -1);
    case 'arithmetic': {
      const { operator, left, right } = expression;
      if (operator === '+') return sum(linearOf(left, rangeOf), linearOf(right, rangeOf));
      if (operator === '-') return difference(left, right, rangeOf);
      if (operator !== '*') return opaque;
      if (left.kind === 'number') return scaled(linearOf(right, rangeOf), left.value);
      return right.kind === 'number' ? scaled(linearOf(left, rangeOf), right.value) : opaque;
    }
    default:
      return opaque;
  }
}

function difference(left: Expression, right: Expression, rangeOf: RangeOf): Linear {
  return sum(linearOf(left, rangeOf), scaled(linearOf(right, rangeOf), -1));
}

function scaled({ q, k, rest }: Linear, factor: number): Linear {
  const ends = [rest.low * factor, rest.high * factor];
  return { q: q * factor, k: k * factor, rest: { low: Math.min(...ends), high: Math.max(...ends) } };
}

function sum(a: Linear, b: Linear): Linear {
  return { q: a.q + b.q, k: a.k + b.k, rest: { low: a.rest.low + b.rest.low, high: a.rest.high + b.rest.high } };
}

/** What q · `q` + k · `k` + rest + slack ≤ 0 implies: it holds at best with the least of the rest. */
function ofLinear({ q, k, rest }: Linear, slack: number): KeyBounds {
  const bound = -(rest.low + slack) / Math.abs(k);
  // Beyond every sequence in use: it bounds nothing, and its sum with a position may leave 32 bits.
  if (!(Math.abs(bound) < 2 ** 23)) return {};
  if (q === -k) return k > 0 ? { minDistance: Math.ceil(-bound) } : { maxDistance: Math.floor(bound) };
  if (q !== 0) return {};
  return k > 0 ? { lastKey: Math.floor(bound) } : { firstKey: Math.ceil(-bound) };
}

/** Of two bounds on one thing, the one that holds for keys within both, or for keys within either. */
type Merge = (a: number, b: number) => number;

function both(a: KeyBounds, b: KeyBounds): KeyBounds {
  return merged(a, b, (own, other, tighter) =>
    own === undefined ? other : other === undefined ? own : tighter(own, other),
  );
}

function either(a: KeyBounds, b: KeyBounds): KeyBounds {
  return merged(a, b, (own, other, tighter) => {
    if (own === undefined || other === undefined) return undefined;
    return tighter(own, other) === own ? other : own;
  });
}

function merged(
  a: KeyBounds,
  b: KeyBounds,
  merge: (own: number | undefined, other: number | undefined, tighter: Merge) => number | undefined,
): KeyBounds {
  const minDistance = merge(a.minDistance, b.minDistance, Math.max);
  const maxDistance = merge(a.maxDistance, b.maxDistance, Math.min);
  const firstKey = merge(a.firstKey, b.firstKey, Math.max);
  const lastKey = merge(a.lastKey, b.lastKey, Math.min);
  return {
    ...(minDistance !== undefined && { minDistance }),
    ...(maxDistance !== undefined && { maxDistance }),
    ...(firstKey !== undefined && { firstKey }),
    ...(lastKey !== undefined && { lastKey }),
  };
}
