import type { Report } from '../diagnostics/report.ts';
import type { Span } from '../source/source.ts';
import { arithmetic, logic, negate, not, toF32 } from './build.ts';
import { functionNamed, functions, isFunctionName } from './functions.ts';
import { i32Range, type KnownRanges, type RangeOf, rangesIn } from './ranges.ts';
import type { BinaryOperator, Range, Syntax } from './syntax.ts';
import {
  type BuiltinName,
  type ComparisonOperator,
  type Expression,
  type FunctionName,
  f32,
  i32,
  type ValueType,
} from './tree.ts';
import { rangeText, valueProblem } from './values.ts';

/** What an expression may name where it stands. */
export interface Scope {
  /** Names that have no value here, each with the reason. */
  readonly unavailable: ReadonlyMap<BuiltinName, string>;
  /** The shape of each declared parameter. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  readonly ranges: KnownRanges;
  readonly spanOf: (range: Range) => Span;
  readonly suggest: (name: string, known: readonly string[]) => string | undefined;
  readonly report: Report;
}

export interface Typed {
  readonly expression: Expression;
  /** Where a part of it is written; parts that were added have the place of what they were added to. */
  readonly placeOf: (part: Expression) => Range | undefined;
}

const nameTypes: Readonly<Record<BuiltinName, ValueType>> = {
  s: 'f32',
  q: 'i32',
  k: 'i32',
  h: 'i32',
  kv: 'i32',
  b: 'i32',
  q_len: 'i32',
  k_len: 'i32',
  is_memory: 'bool',
  is_zero: 'bool',
};

export function isBuiltinName(name: string): name is BuiltinName {
  return Object.hasOwn(nameTypes, name);
}

const typeWords: Readonly<Record<ValueType, string>> = { bool: 'true or false', i32: 'an integer', f32: 'a number' };

/**
 * The typed form of an expression that is to have a type. Reports EXP002 (names), EXP003 (types), EXP004 (indices), EXP005 (values);
 * undefined after any of them. Every part is looked at even when another is wrong.
 */
export function inferExpression(syntax: Syntax, expected: 'bool' | 'f32', scope: Scope): Typed | undefined {
  const inference = new Inference(scope);
  const found = inference.expression(syntax);
  if (found === undefined) return undefined;
  const isRight = expected === 'bool' ? found.type === 'bool' : found.type !== 'bool';
  if (!isRight) {
    const problem = expected === 'bool' ? 'a condition is true or false' : 'a score is a number';
    inference.refuseType(syntax, `${problem}, this is ${typeWords[found.type]}`);
    return undefined;
  }
  const expression = expected === 'f32' ? inference.converted(found) : found;
  return { expression, placeOf: (part) => inference.places.get(part) };
}

class Inference {
  readonly places = new WeakMap<Expression, Range>();
  readonly #scope: Scope;
  readonly #rangeOf: RangeOf;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#rangeOf = rangesIn(scope.ranges);
  }

  expression(syntax: Syntax): Expression | undefined {
    const found = this.#infer(syntax);
    if (found === undefined) return undefined;
    this.places.set(found, syntax);
    const flaw = valueProblem(found, this.#rangeOf);
    return flaw === undefined ? found : this.#refuseValue(syntax, flaw.problem, flaw.help);
  }

  converted(operand: Expression): Expression {
    const result = toF32(operand);
    const place = this.places.get(operand);
    if (place !== undefined) this.places.set(result, place);
    return result;
  }

  refuseType(at: Range, problem: string, help?: string): undefined {
    this.#scope.report('EXP003', this.#scope.spanOf(at), { problem, ...(help === undefined ? {} : { help }) });
    return undefined;
  }

  #refuseValue(at: Range, problem: string, help: string): undefined {
    this.#scope.report('EXP005', this.#scope.spanOf(at), { problem, help });
    return undefined;
  }

  #infer(syntax: Syntax): Expression | undefined {
    switch (syntax.kind) {
      case 'number':
        return this.#number(syntax, syntax.text);
      case 'truth':
        return { kind: 'truth', type: 'bool', value: syntax.value };
      case 'name':
        return this.#name(syntax, syntax.name);
      case 'index':
        return this.#index(syntax);
      case 'call':
        return this.#call(syntax);
      case 'unary':
        return this.#unary(syntax);
      case 'binary':
        return this.#binary(syntax);
    }
  }

  #number(at: Range, text: string): Expression | undefined {
    if (!/^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
      const problem = `\`${text.slice(0, 40)}\` begins like a number and is none`;
      this.#scope.report('EXP001', this.#scope.spanOf(at), { problem });
      return undefined;
    }
    const value = Number(text);
    if (/^\d+$/.test(text)) {
      if (value <= i32Range.high) return i32(value);
      return this.#refuseValue(at, 'an integer has 32 bits', `the largest is ${i32Range.high}; \`1e10\` is a float`);
    }
    const rounded = Math.fround(value);
    if (!Number.isFinite(rounded)) return this.#refuseValue(at, 'a float has 32 bits', 'the largest is 3.4e38');
    const isZero = /^[0.]+(?:[eE]|$)/.test(text);
    if (rounded < 2 ** -126 && !isZero) return this.#refuseValue(at, 'a float has 32 bits', 'write 0');
    return f32(value);
  }

  #name(at: Range, name: string): Expression | undefined {
    if (isBuiltinName(name)) {
      const reason = this.#scope.unavailable.get(name);
      if (reason === undefined) return { kind: 'name', type: nameTypes[name], name };
      this.#scope.report('EXP002', this.#scope.spanOf(at), { name, reason });
      return undefined;
    }
    const shape = this.#scope.parameters.get(name);
    if (shape?.length === 0) return { kind: 'parameter', type: 'f32', name, shape, indices: [] };
    if (shape !== undefined) return this.#refuseIndices(at, name, shape, 0);
    return this.#unknown(at, name, [...Object.keys(nameTypes), ...this.#scope.parameters.keys()]);
  }

  #unknown(at: Range, name: string, known: readonly string[]): undefined {
    const suggestion = this.#scope.suggest(name, known);
    const span = this.#scope.spanOf(at);
    const fixes =
      suggestion === undefined
        ? []
        : [{ title: `rename it to \`${suggestion}\``, edits: [{ span, text: suggestion }] }];
    this.#scope.report('EXP002', span, { name: name.slice(0, 60), suggestion, known }, [], fixes);
    return undefined;
  }

  #refuseIndices(at: Range, name: string, shape: readonly number[], found: number): undefined {
    const problem = `\`${name}\` is [${shape.join(', ')}]: it takes ${shape.length === 1 ? 'one index' : `${shape.length} indices`}, here are ${found}`;
    this.#scope.report('EXP004', this.#scope.spanOf(at), { problem, help: `index each axis of \`${name}\`` });
    return undefined;
  }

  #index({ name, start, end, nameEnd, indices }: Extract<Syntax, { kind: 'index' }>): Expression | undefined {
    const shape = this.#scope.parameters.get(name);
    const found = indices.map((index) => this.expression(index));
    if (shape === undefined) {
      if (!isBuiltinName(name)) return this.#unknown({ start, end: nameEnd }, name, [...this.#scope.parameters.keys()]);
      return this.refuseType({ start, end }, `\`${name}\` has no entries`, `delete the index`);
    }
    if (indices.length !== shape.length) return this.#refuseIndices({ start, end }, name, shape, indices.length);
    const sound = found.map((index, axis) => this.#isWithin(index, indices[axis] ?? { start, end }, shape[axis] ?? 0));
    if (!sound.every(Boolean)) return undefined;
    return { kind: 'parameter', type: 'f32', name, shape, indices: found.filter((index) => index !== undefined) };
  }

  #isWithin(index: Expression | undefined, at: Range, extent: number): boolean {
    if (index === undefined) return false;
    if (index.type !== 'i32') {
      this.refuseType(at, `an index is an integer, this is ${typeWords[index.type]}`, '`floor(x)` is an integer');
      return false;
    }
    const { low, high } = this.#rangeOf(index);
    if (low >= 0 && high < extent) return true;
    const span = this.#scope.spanOf(at);
    const text = span.file.text.slice(span.start, span.end);
    const isNever = high < 0 || low >= extent;
    const problem = `the index is ${rangeText({ low, high })}, the axis has ${extent === 1 ? 'entry 0' : `entries 0 to ${extent - 1}`}`;
    const clamped = `clamp(${text}, 0, ${extent - 1})`;
    const fixes = isNever ? [] : [{ title: `write \`${clamped}\``, edits: [{ span, text: clamped }] }];
    const help = isNever ? 'no entry has this index' : `write \`${clamped}\`, or bound the distance with \`mask\``;
    this.#scope.report('EXP004', span, { problem, help }, [], fixes);
    return false;
  }

  #call({ name, start, end, nameEnd, operands }: Extract<Syntax, { kind: 'call' }>): Expression | undefined {
    const typed = operands.map((operand) => this.expression(operand));
    const rule = functionNamed(name);
    if (rule === undefined || !isFunctionName(name)) {
      return this.#unknown({ start, end: nameEnd }, name, Object.keys(functions));
    }
    const form = `${name}(${rule.operands.join(', ')})`;
    if (operands.length !== rule.operands.length) {
      const wanted = `\`${name}\` takes ${rule.operands.length} operands, here are ${operands.length}`;
      return this.refuseType({ start, end }, wanted, `write \`${form}\``);
    }
    const found = typed.filter((operand) => operand !== undefined);
    if (found.length < typed.length) return undefined;
    const values = rule.rule === 'choice' ? found.slice(1) : found;
    const places = rule.rule === 'choice' ? operands.slice(1) : operands;
    const [condition] = found;
    if (rule.rule === 'choice' && condition?.type !== 'bool') {
      return this.refuseType(operands[0] ?? { start, end }, `the first operand of \`${name}\` is a condition`, form);
    }
    const isChoiceOfTruth = rule.rule === 'choice' && values.every(({ type }) => type === 'bool');
    const wrong = values.findIndex(({ type }) => (type === 'bool') !== isChoiceOfTruth);
    if (wrong !== -1) {
      const type = values[wrong]?.type ?? 'bool';
      return this.refuseType(places[wrong] ?? { start, end }, `\`${name}\` takes numbers, this is ${typeWords[type]}`);
    }
    return this.#typedCall(name, found, { start, end });
  }

  #typedCall(name: FunctionName, operands: readonly Expression[], at: Range): Expression | undefined {
    const { rule, result } = functions[name];
    if (rule === 'head') {
      const [head] = operands;
      const heads = this.#scope.ranges.names.h ?? i32Range;
      if (head === undefined || !this.#isWithin(head, this.places.get(head) ?? at, heads.high + 1)) return undefined;
    }
    const values = rule === 'choice' ? operands.slice(1) : operands;
    const isReal = rule === 'real' || (rule !== 'head' && values.some(({ type }) => type === 'f32'));
    const converted = isReal ? operands.map((one) => (one.type === 'i32' ? this.converted(one) : one)) : operands;
    const own = isReal ? 'f32' : (values[0]?.type ?? 'f32');
    return { kind: 'call', type: result ?? own, function: name, operands: converted };
  }

  #unary({ operator, operand, ...at }: Extract<Syntax, { kind: 'unary' }>): Expression | undefined {
    const typed = this.expression(operand);
    if (typed === undefined) return undefined;
    if (operator === '!') {
      if (typed.type === 'bool') return not(typed);
      return this.refuseType(at, `\`!\` takes a condition, this is ${typeWords[typed.type]}`);
    }
    return typed.type === 'bool' ? this.refuseType(at, '`-` takes a number, this is true or false') : negate(typed);
  }

  #binary(syntax: Extract<Syntax, { kind: 'binary' }>): Expression | undefined {
    const { operator } = syntax;
    const [left, right] = [this.expression(syntax.left), this.expression(syntax.right)];
    if (left === undefined || right === undefined) return undefined;
    const areTruths = left.type === 'bool' && right.type === 'bool';
    if (operator === '&' || operator === '|') {
      if (areTruths) return logic(operator, left, right);
      const wrong = left.type === 'bool' ? syntax.right : syntax.left;
      const help = 'comparisons bind tighter than `&` and `|`; sums and products bind tighter still';
      return this.refuseType(wrong, `\`${operator}\` joins conditions, this is a number`, help);
    }
    if (left.type === 'bool' || right.type === 'bool') {
      const place = left.type === 'bool' ? syntax.left : syntax.right;
      return this.refuseType(place, `\`${operator}\` takes numbers, this is true or false`);
    }
    return this.#ofNumbers(operator, left, right, syntax);
  }

  #ofNumbers(
    operator: Exclude<BinaryOperator, '&' | '|'>,
    left: Expression,
    right: Expression,
    syntax: Extract<Syntax, { kind: 'binary' }>,
  ): Expression | undefined {
    const areIntegers = left.type === 'i32' && right.type === 'i32';
    if ((operator === '//' || operator === '%') && !areIntegers) {
      const place = left.type === 'i32' ? syntax.right : syntax.left;
      return this.refuseType(place, `\`${operator}\` takes integers, this is a float`, '`floor(x)` is an integer');
    }
    const isReal = operator === '/' || !areIntegers;
    const [a, b] = isReal ? [this.converted(left), this.converted(right)] : [left, right];
    if (isComparison(operator)) return { kind: 'comparison', type: 'bool', operator, left: a, right: b };
    return arithmetic(operator, a, b);
  }
}

function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return ['<', '<=', '>', '>=', '==', '!='].includes(operator);
}
