import type { Extent, ExtentSymbol } from './definition.ts';
import { UsageError } from './errors.ts';

export type ExtentBindings = Readonly<Partial<Record<ExtentSymbol, number>>>;

/**
 * The value of an extent under the bindings.
 * @throws UsageError when a symbol is unbound, or a result is not an integer in [0, 2^53).
 */
export function evaluateExtent(extent: Extent, bindings: ExtentBindings): number {
  if (typeof extent === 'number') return checked(extent, extent);
  if (typeof extent === 'string') {
    const value = bindings[extent];
    if (value === undefined) throw new UsageError(`the extent ${extent} is not known here`);
    return checked(value, extent);
  }
  if (extent[0] === 'ceil') {
    const [, dividend, divisor] = extent;
    return checked(Math.ceil(evaluateExtent(dividend, bindings) / evaluateExtent(divisor, bindings)), extent);
  }
  if (extent[0] === 'less') {
    const [, whole, part] = extent;
    return Math.max(0, evaluateExtent(whole, bindings) - evaluateExtent(part, bindings));
  }
  const [operator, ...operands] = extent;
  const values = operands.map((operand) => evaluateExtent(operand, bindings));
  if (operator === 'min') return Math.min(...values);
  if (operator === 'max') return Math.max(...values);
  return operator === '*'
    ? values.reduce((product, value) => checked(product * value, extent), 1)
    : values.reduce((sum, value) => checked(sum + value, extent), 0);
}

/** Elements of a tensor of this shape, where it depends on nothing. */
export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((product, extent) => product * extent, 1);

/** Elements of a tensor of this shape. */
export const elementsOf = (shape: readonly Extent[], bindings: ExtentBindings): number =>
  evaluateExtent(['*', ...shape], bindings);

function checked(value: number, extent: Extent): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(
    `the extent ${JSON.stringify(extent)} comes to ${value}, which is not an integer from 0 to 2^53 - 1`,
  );
}
