import type { Expression } from './tree.ts';

/** q · `q` + k · `k` + `constant`, with integer coefficients. */
export interface Affine {
  readonly q: number;
  readonly k: number;
  readonly constant: number;
}

/** An integer expression as an affine form of the positions; undefined when it is none. */
export function affineOf(expression: Expression): Affine | undefined {
  switch (expression.kind) {
    case 'number':
      return expression.type === 'i32' ? { q: 0, k: 0, constant: expression.value } : undefined;
    case 'name':
      if (expression.name === 'q') return { q: 1, k: 0, constant: 0 };
      return expression.name === 'k' ? { q: 0, k: 1, constant: 0 } : undefined;
    case 'negate': {
      const operand = affineOf(expression.operand);
      return operand && scaled(operand, -1);
    }
    case 'arithmetic': {
      if (expression.type !== 'i32') return undefined;
      const [left, right] = [affineOf(expression.left), affineOf(expression.right)];
      if (left === undefined || right === undefined) return undefined;
      if (expression.operator === '+') return sum(left, right);
      if (expression.operator === '-') return sum(left, scaled(right, -1));
      if (expression.operator !== '*') return undefined;
      if (isConstant(left)) return scaled(right, left.constant);
      return isConstant(right) ? scaled(left, right.constant) : undefined;
    }
    default:
      return undefined;
  }
}

const isConstant = ({ q, k }: Affine) => q === 0 && k === 0;

/** Adding 0 makes −0 an ordinary zero. */
function scaled({ q, k, constant }: Affine, factor: number): Affine {
  return { q: q * factor + 0, k: k * factor + 0, constant: constant * factor + 0 };
}

function sum(a: Affine, b: Affine): Affine {
  return { q: a.q + b.q, k: a.k + b.k, constant: a.constant + b.constant };
}
