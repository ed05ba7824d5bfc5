import type { Extent, ExtentSymbol } from '../../runtime/abi1/definition.ts';
import type { Atom, Dim } from '../check/dims.ts';

/** Groups of four entries that hold a row of `width`. */
export const quads = (width: number): number => Math.ceil(width / 4);

export const times = (...factors: readonly Extent[]): Extent => {
  const constant = factors.reduce<number>((product, f) => (typeof f === 'number' ? product * f : product), 1);
  const symbols = factors.filter((f) => typeof f !== 'number');
  const all = constant === 1 && symbols.length > 0 ? symbols : [...symbols, constant];
  return all.length === 1 ? (all[0] as Extent) : ['*', ...all];
};

export const plus = (...terms: readonly Extent[]): Extent => {
  const all = terms.filter((term) => term !== 0);
  return all.length === 1 ? (all[0] as Extent) : ['+', ...all];
};

export const ceilDiv = (dividend: Extent, divisor: Extent): Extent => {
  if (typeof dividend === 'number' && typeof divisor === 'number') return Math.ceil(dividend / divisor);
  return divisor === 1 ? dividend : ['ceil', dividend, divisor];
};

/** The runtime's form of a shape's dimension. Shapes are sums of products; divisions occur only in grids. */
export function toExtent(dim: Dim): Extent {
  if (dim.terms.length === 0) return 0;
  return plus(...dim.terms.map(({ coefficient, atoms }) => times(...atoms.map(symbol), coefficient)));
}

function symbol(atom: Atom): Extent {
  if (atom.kind === 'symbol' && /^[BIJCLX]$/.test(atom.name)) return atom.name as Extent;
  throw new Error('a shape is not a polynomial over the runtime symbols');
}

/** The extents of one call. */
export type Call = Readonly<Record<ExtentSymbol, number>>;

/** The number that an extent is in a call. */
export function extentAt(extent: Extent, call: Call): number {
  if (typeof extent === 'number') return extent;
  if (typeof extent === 'string') return call[extent];
  if (extent[0] === 'ceil') return Math.ceil(extentAt(extent[1], call) / extentAt(extent[2], call));
  if (extent[0] === 'less') return Math.max(0, extentAt(extent[1], call) - extentAt(extent[2], call));
  const [operator, ...operands] = extent;
  const values = operands.map((operand) => extentAt(operand, call));
  if (operator === 'min') return Math.min(...values);
  if (operator === 'max') return Math.max(...values);
  return operator === '*'
    ? values.reduce((product, value) => product * value, 1)
    : values.reduce((sum, value) => sum + value, 0);
}
