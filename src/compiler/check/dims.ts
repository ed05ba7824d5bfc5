/**
 * The dimension algebra: integer polynomials over named extents, with floor division. A `Dim` is always in normal form, so two
 * dimensions are provably equal exactly when their keys are equal. Denominators are taken to be positive; `ceilDiv(n, d)` is
 * floor((n + d − 1) / d), so both divisions share one normal form.
 */
export interface Dim {
  /** Sorted by key, no zero coefficients, one term a monomial. */
  readonly terms: readonly Term[];
  /** The normal form as text. */
  readonly key: string;
}

export interface Term {
  readonly coefficient: number;
  /** Sorted by key, repeated for powers; empty for the constant term. */
  readonly atoms: readonly Atom[];
}

export type Atom =
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'floor'; readonly numerator: Dim; readonly denominator: Dim };

/** A dimension, a constant, or the name of an extent. */
export type DimLike = Dim | number | string;

/** Throws RangeError for a number that is not a safe integer. */
export function dim(value: DimLike): Dim {
  if (typeof value === 'number') return fromTerms([{ coefficient: exact(value), atoms: [] }]);
  if (typeof value === 'string') return fromTerms([{ coefficient: 1, atoms: [{ kind: 'symbol', name: value }] }]);
  return value;
}

export function add(...values: readonly DimLike[]): Dim {
  return fromTerms(values.flatMap((value) => dim(value).terms));
}

export function sub(left: DimLike, right: DimLike): Dim {
  return add(left, mul(-1, right));
}

export function mul(...values: readonly DimLike[]): Dim {
  return values.map(dim).reduce((left, right) => {
    const terms = left.terms.flatMap((a) =>
      right.terms.map((b) => ({
        coefficient: exact(a.coefficient * b.coefficient),
        atoms: [...a.atoms, ...b.atoms].sort(byAtomKey),
      })),
    );
    return fromTerms(terms);
  }, dim(1));
}

/** floor(numerator / denominator). Throws RangeError for a constant denominator below 1. */
export function floorDiv(numerator: DimLike, denominator: DimLike): Dim {
  const top = dim(numerator);
  const bottom = dim(denominator);
  const divisor = constantOf(bottom);
  if (divisor === undefined) {
    if (top.terms.length === 0) return top;
    return equals(top, bottom) ? dim(1) : floorAtom(top, bottom);
  }
  if (divisor < 1) throw new RangeError(`division by ${divisor}`);
  // floor((d·a + r) / d) = a + floor(r / d): whole multiples leave the division.
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const { coefficient, atoms } of top.terms) {
    const quotient = Math.floor(coefficient / divisor);
    const remainder = coefficient - quotient * divisor;
    whole.push({ coefficient: quotient, atoms });
    rest.push({ coefficient: remainder, atoms });
  }
  const remainder = fromTerms(rest);
  const outside = fromTerms(whole);
  return constantOf(remainder) === undefined ? add(outside, floorAtom(remainder, bottom)) : outside;
}

/** ceil(numerator / denominator). Throws RangeError for a constant denominator below 1. */
export function ceilDiv(numerator: DimLike, denominator: DimLike): Dim {
  return floorDiv(add(numerator, denominator, -1), denominator);
}

/** True when the two are equal for all positive extents as far as the normal form can prove; false is not a disproof. */
export function equals(left: DimLike, right: DimLike): boolean {
  return dim(left).key === dim(right).key;
}

/** The value of a dimension without extents, else undefined. */
export function constantOf(value: DimLike): number | undefined {
  const { terms } = dim(value);
  const [first] = terms;
  if (first === undefined) return 0;
  return terms.length === 1 && first.atoms.length === 0 ? first.coefficient : undefined;
}

/** Elements of a tensor whose shape depends on nothing. */
export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((product, extent) => product * extent, 1);

/** Names of the extents that the dimension depends on, sorted. */
export function symbolsOf(value: DimLike): readonly string[] {
  const names = new Set<string>();
  for (const { atoms } of dim(value).terms) {
    for (const atom of atoms) {
      if (atom.kind === 'symbol') names.add(atom.name);
      else for (const part of [atom.numerator, atom.denominator]) for (const name of symbolsOf(part)) names.add(name);
    }
  }
  return [...names].sort();
}

/** Throws RangeError for an unbound extent, a division by less than 1, or a result beyond 2^53. */
export function evaluate(value: DimLike, bindings: Readonly<Record<string, number>> = {}): number {
  let sum = 0;
  for (const { coefficient, atoms } of dim(value).terms) {
    let product = coefficient;
    for (const atom of atoms) product = exact(product * evaluateAtom(atom, bindings));
    sum = exact(sum + product);
  }
  return sum;
}

/** As written in a formula: `B * I * 192`, `ceilDiv(I, 64)`. */
export function print(value: DimLike): string {
  const { terms } = dim(value);
  if (terms.length === 0) return '0';
  const ordered = [...terms].sort((a, b) => b.atoms.length - a.atoms.length);
  return ordered
    .map(({ coefficient, atoms }, index) => {
      const factors = atoms.map(printAtom);
      const size = Math.abs(coefficient);
      if (size !== 1 || factors.length === 0) factors.push(String(size));
      const sign = coefficient < 0 ? (index === 0 ? '-' : ' - ') : index === 0 ? '' : ' + ';
      return sign + factors.join(' * ');
    })
    .join('');
}

function printAtom(atom: Atom): string {
  if (atom.kind === 'symbol') return atom.name;
  const { numerator, denominator } = atom;
  const beforeRounding = sub(numerator, sub(denominator, 1));
  const isCeil = !beforeRounding.terms.some(({ coefficient }) => coefficient < 0);
  return isCeil
    ? `ceilDiv(${print(beforeRounding)}, ${print(denominator)})`
    : `floorDiv(${print(numerator)}, ${print(denominator)})`;
}

function evaluateAtom(atom: Atom, bindings: Readonly<Record<string, number>>): number {
  if (atom.kind === 'symbol') {
    const value = Object.hasOwn(bindings, atom.name) ? bindings[atom.name] : undefined;
    if (value === undefined) throw new RangeError(`no value for extent ${atom.name}`);
    return exact(value);
  }
  const divisor = evaluate(atom.denominator, bindings);
  if (divisor < 1) throw new RangeError(`division by ${divisor}`);
  const top = evaluate(atom.numerator, bindings);
  // Not Math.floor(top / divisor): the quotient of safe integers may round up to the next integer.
  return (top - (((top % divisor) + divisor) % divisor)) / divisor;
}

function floorAtom(numerator: Dim, denominator: Dim): Dim {
  return fromTerms([{ coefficient: 1, atoms: [{ kind: 'floor', numerator, denominator }] }]);
}

function fromTerms(terms: readonly Term[]): Dim {
  const merged = new Map<string, Term>();
  for (const { coefficient, atoms } of terms) {
    const key = atoms.map(atomKey).join('*');
    const before = merged.get(key);
    merged.set(key, { coefficient: exact((before?.coefficient ?? 0) + coefficient), atoms });
  }
  const kept = [...merged].filter(([, term]) => term.coefficient !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  const key = kept
    .map(([name, term]) => (name === '' ? `${term.coefficient}` : `${term.coefficient}*${name}`))
    .join('+');
  return Object.freeze({
    terms: Object.freeze(kept.map(([, term]) => Object.freeze(term))),
    key: key === '' ? '0' : key,
  });
}

function atomKey(atom: Atom): string {
  return atom.kind === 'symbol' ? atom.name : `floor(${atom.numerator.key},${atom.denominator.key})`;
}

function byAtomKey(a: Atom, b: Atom): number {
  const left = atomKey(a);
  const right = atomKey(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer below 2^53`);
  return value === 0 ? 0 : value;
}
