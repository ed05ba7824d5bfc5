import { functions } from '../expression/functions.ts';
import type { Expression, ParameterEntry } from '../expression/tree.ts';
import { accurateTanh } from './activation.ts';
import { f32, wgsl } from './wgsl.ts';

/** How tightly the outermost operator of a text binds; a mixture of `&&` and `||` always has parentheses. */
const binding = {
  '||': 1,
  '&&': 1,
  comparison: 2,
  '+': 3,
  '-': 3,
  '*': 4,
  '/': 4,
  unary: 5,
  primary: 6,
} as const;

interface Printed {
  readonly text: string;
  readonly binds: number;
}

/** The WGSL of an expression whose names are variables of the same names; parameters are buffers `parameter_NAME`. */
export function expressionText(expression: Expression): string {
  return print(expression).text;
}

export const parameterBinding = (name: string) => `parameter_${name}`;

function print(expression: Expression): Printed {
  switch (expression.kind) {
    case 'number':
      return numberText(expression.type, expression.value);
    case 'truth':
      return primary(String(expression.value));
    case 'name':
      return primary(expression.name);
    case 'parameter':
      return primary(`${parameterBinding(expression.name)}[${offset(expression)}]`);
    case 'to_f32':
      return primary(`f32(${expressionText(expression.operand)})`);
    case 'negate':
    case 'not': {
      const sign = expression.kind === 'not' ? '!' : '-';
      return { text: `${sign}${within(print(expression.operand), binding.primary)}`, binds: binding.unary };
    }
    case 'comparison':
      return infix(expression.operator, binding.comparison, expression.left, expression.right, binding.comparison + 1);
    case 'logic': {
      const operator = expression.operator === '&' ? '&&' : '||';
      const [left, right] = [expression.left, expression.right].map((side) => {
        const isOther = side.kind === 'logic' && side.operator !== expression.operator;
        return isOther ? `(${expressionText(side)})` : expressionText(side);
      });
      return { text: `${left} ${operator} ${right}`, binds: binding[operator] };
    }
    case 'arithmetic': {
      const { operator, left, right } = expression;
      if (operator === '//') return primary(`floor_div(${expressionText(left)}, ${expressionText(right)})`);
      if (operator === '%') return primary(`floor_mod(${expressionText(left)}, ${expressionText(right)})`);
      return infix(operator, binding[operator], left, right, binding[operator]);
    }
    case 'call':
      return primary(functions[expression.function].wgsl(expression.operands.map(expressionText), expression.type));
  }
}

/** Operators associate to the left. */
function infix(operator: string, binds: number, left: Expression, right: Expression, leftBinds: number): Printed {
  return { text: `${within(print(left), leftBinds)} ${operator} ${within(print(right), binds + 1)}`, binds };
}

function within({ text, binds }: Printed, least: number): string {
  return binds < least ? `(${text})` : text;
}

function primary(text: string): Printed {
  return { text, binds: binding.primary };
}

function numberText(type: 'i32' | 'f32', value: number): Printed {
  const text = type === 'i32' ? String(value) : f32(value);
  return { text, binds: text.startsWith('-') ? binding.unary : binding.primary };
}

/** Row-major. */
function offset({ shape, indices }: ParameterEntry): string {
  return indices.reduce((text, index, axis) => {
    const own = within(print(index), binding['+']);
    return text === '0' ? own : `(${text}) * ${shape[axis]} + ${own}`;
  }, '0');
}

/** Functions that expressions call. */
export function supportOf(expressions: readonly Expression[]): readonly string[] {
  const text = expressions.map(expressionText).join('\n');
  return [
    ...(/\b(accurate_tanh|softcap)\(/.test(text) ? [accurateTanh] : []),
    ...(/\bsoftcap\(/.test(text) ? [softcap] : []),
    ...(/\bfloor_(div|mod)\(/.test(text) ? [floorDiv] : []),
    ...(/\bfloor_mod\(/.test(text) ? [floorMod] : []),
  ];
}

const softcap = wgsl`
  fn softcap(x: f32, c: f32) -> f32 {
    return c * accurate_tanh(x / c);
  }`;

/** Towards −∞; WGSL's own division goes towards 0. */
const floorDiv = wgsl`
  fn floor_div(a: i32, b: i32) -> i32 {
    let quotient = a / b;
    return quotient - i32(a - quotient * b != 0 && (a < 0) != (b < 0));
  }`;

const floorMod = wgsl`
  fn floor_mod(a: i32, b: i32) -> i32 {
    return a - floor_div(a, b) * b;
  }`;
