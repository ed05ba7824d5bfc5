import { add, arithmetic, call, divide, less, multiply, negate, one, select, subtract, zero } from './build.ts';
import type { Expression, FunctionName, ValueType } from './tree.ts';

/** What the f64 reading knows besides operands. */
export interface EvaluationFacts {
  /** The ALiBi slope of a query head, among all query heads. */
  readonly slopeOf: (head: number) => number;
}

/**
 * How operands are typed. `real`: all f32. `same`: all of one numeric type, f32 when any is. `choice`: a truth value, then two of one type.
 * `head`: a query head.
 */
export type OperandRule = 'real' | 'same' | 'choice' | 'head';

/** One function of the language: everything that any pass knows of it. */
export interface FunctionRule {
  readonly operands: readonly string[];
  readonly rule: OperandRule;
  /** The type of the result where it is not the operands' own. */
  readonly result?: ValueType;
  readonly doc: string;
  /** In f64; truth values are 1 and 0, and an undefined operand is NaN. */
  readonly evaluate: (operands: readonly number[], facts: EvaluationFacts) => number;
  /** WGSL of a call. `accurate_tanh`, `LOG2E` and `HEAD_SLOPES` are the kernel's. */
  readonly wgsl: (operands: readonly string[], type: ValueType) => string;
  /** In: the operands, and the derivative of each of them with respect to something. Out: that of the call. */
  readonly derivative: (operands: readonly Expression[], inner: readonly Expression[]) => Expression;
}

const at = <T>(items: readonly T[], index: number): T => {
  const item = items[index];
  if (item === undefined) throw new Error(`a call has no operand ${index}`);
  return item;
};

/** A function of one real operand: the chain rule. */
const chain =
  (outer: (x: Expression) => Expression): FunctionRule['derivative'] =>
  (operands, inner) =>
    multiply(outer(at(operands, 0)), at(inner, 0));

const square = (x: Expression) => multiply(x, x);

/** 32 bits hold no more. */
const toInteger = (value: number) => Math.min(Math.max(Math.floor(value), -(2 ** 31)), 2 ** 31 - 1);

export const functions: Readonly<Record<FunctionName, FunctionRule>> = {
  abs: {
    operands: ['x'],
    rule: 'same',
    doc: 'The size of x.',
    evaluate: ([x = Number.NaN]) => Math.abs(x),
    wgsl: ([x = '']) => `abs(${x})`,
    derivative: chain((x) => select(less(x, zero), negate(one), one)),
  },
  alibi_slope: {
    operands: ['h'],
    rule: 'head',
    result: 'f32',
    doc: 'The slope of ALiBi (Press et al. 2022) for query head h, among all query heads.',
    evaluate: ([head = Number.NaN], { slopeOf }) => slopeOf(head),
    wgsl: ([head = '']) => `HEAD_SLOPES[${head}]`,
    derivative: () => zero,
  },
  clamp: {
    operands: ['x', 'low', 'high'],
    rule: 'same',
    doc: '`min(max(x, low), high)`.',
    evaluate: ([x = Number.NaN, low = Number.NaN, high = Number.NaN]) => Math.min(Math.max(x, low), high),
    wgsl: ([x = '', low = '', high = '']) => `min(max(${x}, ${low}), ${high})`,
    derivative: ([x = zero, low = zero, high = zero], [dx = zero, dLow = zero, dHigh = zero]) => {
      const raised = call('max', x, low);
      return select(less(high, raised), dHigh, select(less(x, low), dLow, dx));
    },
  },
  exp: {
    operands: ['x'],
    rule: 'real',
    doc: 'e to the power of x.',
    evaluate: ([x = Number.NaN]) => Math.exp(x),
    wgsl: ([x = '']) => `exp2((${x}) * LOG2E)`,
    derivative: chain((x) => call('exp', x)),
  },
  floor: {
    operands: ['x'],
    rule: 'real',
    result: 'i32',
    doc: 'The largest integer that is not above x, as an integer: beyond 32 bits, the nearest one that fits.',
    evaluate: ([x = Number.NaN]) => toInteger(x),
    wgsl: ([x = '']) => `i32(floor(${x}))`,
    derivative: () => zero,
  },
  log: {
    operands: ['x'],
    rule: 'real',
    doc: 'The natural logarithm of x.',
    evaluate: ([x = Number.NaN]) => Math.log(x),
    wgsl: ([x = '']) => `log(${x})`,
    derivative: chain((x) => divide(one, x)),
  },
  max: {
    operands: ['x', 'y'],
    rule: 'same',
    doc: 'The larger of x and y.',
    evaluate: ([x = Number.NaN, y = Number.NaN]) => Math.max(x, y),
    wgsl: ([x = '', y = '']) => `max(${x}, ${y})`,
    derivative: ([x = zero, y = zero], [dx = zero, dy = zero]) => select(less(x, y), dy, dx),
  },
  min: {
    operands: ['x', 'y'],
    rule: 'same',
    doc: 'The smaller of x and y.',
    evaluate: ([x = Number.NaN, y = Number.NaN]) => Math.min(x, y),
    wgsl: ([x = '', y = '']) => `min(${x}, ${y})`,
    derivative: ([x = zero, y = zero], [dx = zero, dy = zero]) => select(less(y, x), dy, dx),
  },
  select: {
    operands: ['condition', 'value', 'other'],
    rule: 'choice',
    doc: '`value` where the condition holds, else `other`.',
    evaluate: ([condition, value = Number.NaN, other = Number.NaN]) => (condition === 1 ? value : other),
    wgsl: ([condition = '', value = '', other = '']) => `select(${other}, ${value}, ${condition})`,
    derivative: ([condition = zero], [, value = zero, other = zero]) => select(condition, value, other),
  },
  softcap: {
    operands: ['x', 'c'],
    rule: 'real',
    doc: '`c * tanh(x / c)`.',
    evaluate: ([x = Number.NaN, c = Number.NaN]) => c * Math.tanh(x / c),
    wgsl: ([x = '', c = '']) => `softcap(${x}, ${c})`,
    derivative: ([x = zero, c = zero], [dx = zero, dc = zero]) => {
      const ratio = arithmetic('/', x, c);
      const cap = call('tanh', ratio);
      const slope = subtract(one, square(cap));
      return add(multiply(slope, dx), multiply(subtract(cap, multiply(ratio, slope)), dc));
    },
  },
  sqrt: {
    operands: ['x'],
    rule: 'real',
    doc: 'The square root of x.',
    evaluate: ([x = Number.NaN]) => Math.sqrt(x),
    wgsl: ([x = '']) => `sqrt(${x})`,
    derivative: chain((x) => divide(one, multiply(add(one, one), call('sqrt', x)))),
  },
  tanh: {
    operands: ['x'],
    rule: 'real',
    doc: 'The hyperbolic tangent of x.',
    evaluate: ([x = Number.NaN]) => Math.tanh(x),
    wgsl: ([x = '']) => `accurate_tanh(${x})`,
    derivative: chain((x) => subtract(one, square(call('tanh', x)))),
  },
};

export function functionNamed(name: string): FunctionRule | undefined {
  return isFunctionName(name) ? functions[name] : undefined;
}

export function isFunctionName(name: string): name is FunctionName {
  return Object.hasOwn(functions, name);
}
