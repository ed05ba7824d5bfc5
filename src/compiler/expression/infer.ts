import { note } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import type { Span } from '../source/source.ts';
import { arithmetic, logic, negate, not, toF32 } from './build.ts';
import { functionNamed, functions, isFunctionName } from './functions.ts';
import { expressionLimits } from './lexer.ts';
import { i32Range, type RangeOf, rangesIn } from './ranges.ts';
import {
  type DeclaredFunction,
  isBuiltinName,
  nameTypes,
  otherNames,
  type Scope,
  type Typed,
  typeWords,
} from './scope.ts';
import type { BinaryOperator, Range, Syntax } from './syntax.ts';
import { type ComparisonOperator, type Expression, type FunctionName, f32, i32, nestings } from './tree.ts';
import { rangeText, valueProblem } from './values.ts';

/**
 * The typed form of an expression that is to have a type. Reports EXP002 (names), EXP003 (types), EXP004 (indices), EXP005 (values), EXP009 (calls of
 * declared functions); undefined after any of them. Every part is looked at even when another is wrong.
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
  return { expression, placeOf: (part) => inference.places.get(part), calls: inference.calls };
}

/** The body of a declared function, as one call of it has it. */
interface Frame {
  /** What its parameters stand for, each with the number of its parts. */
  readonly operands: ReadonlyMap<string, Operand>;
  readonly spanOf: Scope['spanOf'];
  /** The calls that lead here, the outermost first. */
  readonly calls: readonly { readonly name: string; readonly span: Span }[];
}

interface Operand {
  readonly expression: Expression | undefined;
  readonly parts: number;
}

class Inference {
  readonly places = new WeakMap<Expression, Span>();
  readonly calls = new Set<string>();
  readonly #scope: Scope;
  readonly #rangeOf: RangeOf;
  readonly #nestingOf: (expression: Expression) => number;
  #frame: Frame;
  /** Parts looked at so far, those that functions bring among them: a bound on the work, and on the size of the tree. */
  #parts = 0;
  /** The last call of a declared function in the expression itself. */
  #outermost: { readonly name: string; readonly span: Span } | undefined;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#rangeOf = rangesIn(scope.ranges);
    this.#nestingOf = nestings();
    this.#frame = { operands: new Map(), spanOf: scope.spanOf, calls: [] };
  }

  expression(syntax: Syntax): Expression | undefined {
    if (!this.#hasRoom()) return undefined;
    this.#parts += 1;
    const found = this.#infer(syntax);
    if (found === undefined) return undefined;
    // An operand of a declared function keeps the place where it is written.
    if (!this.places.has(found)) this.places.set(found, this.#frame.spanOf(syntax));
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
    return this.#refuseTypeIn(this.#frame.spanOf(at), problem, help);
  }

  #refuseTypeIn(span: Span, problem: string, help?: string): undefined {
    this.#report('EXP003', span, { problem, ...(help === undefined ? {} : { help }) });
    return undefined;
  }

  #refuseValue(at: Range, problem: string, help: string): undefined {
    this.#report('EXP005', this.#frame.spanOf(at), { problem, help });
    return undefined;
  }

  /** Within a function, a finding says which call made it one. */
  #report: Report = (code, span, args, notes = [], fixes = []) => {
    const calls = this.#frame.calls.map(({ name, span: at }) => note(at, `\`${name}\` is called here`));
    this.#scope.report(code, span, args, [...notes, ...calls.reverse()], fixes);
  };

  #hasRoom(): boolean {
    if (this.#parts <= expressionLimits.inlined) return true;
    if (this.#parts === Number.POSITIVE_INFINITY) return false;
    return this.#refuseSize(`more than ${expressionLimits.inlined} parts`);
  }

  /** Once: no other part is looked at. */
  #refuseSize(size: string): false {
    this.#parts = Number.POSITIVE_INFINITY;
    if (this.#outermost === undefined) throw new Error('a parsed expression has fewer parts');
    const { name, span } = this.#outermost;
    const problem = `with \`${name}\` written out, the expression has ${size}`;
    this.#scope.report('EXP009', span, { problem, help: 'let functions name their operands less often' });
    return false;
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
      this.#report('EXP001', this.#frame.spanOf(at), { problem });
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
      this.#report('EXP002', this.#frame.spanOf(at), { name, reason });
      return undefined;
    }
    const operand = this.#frame.operands.get(name);
    if (operand !== undefined) {
      this.#parts += operand.parts;
      return operand.expression;
    }
    const shape = this.#scope.parameters.get(name);
    if (shape?.length === 0) return { kind: 'parameter', type: 'f32', name, shape, indices: [] };
    if (shape !== undefined) return this.#refuseIndices(at, name, shape, 0);
    const declared = this.#scope.functions.get(name);
    if (declared !== undefined)
      return this.refuseType(at, `\`${name}\` is a function`, `write \`${name}(${declared.params.join(', ')})\``);
    const known = [...this.#frame.operands.keys(), ...Object.keys(nameTypes), ...this.#scope.parameters.keys()];
    return this.#unknown(at, name, known);
  }

  #unknown(at: Range, name: string, known: readonly string[]): undefined {
    const ours = otherNames.get(name);
    const suggestion = ours !== undefined && known.includes(ours) ? ours : this.#scope.suggest(name, known);
    const span = this.#frame.spanOf(at);
    const fixes =
      suggestion === undefined
        ? []
        : [{ title: `rename it to \`${suggestion}\``, edits: [{ span, text: suggestion }] }];
    this.#report('EXP002', span, { name: name.slice(0, 60), suggestion, known }, [], fixes);
    return undefined;
  }

  #refuseIndices(at: Range, name: string, shape: readonly number[], found: number): undefined {
    const problem = `\`${name}\` is [${shape.join(', ')}]: it takes ${shape.length === 1 ? 'one index' : `${shape.length} indices`}, here are ${found}`;
    this.#report('EXP004', this.#frame.spanOf(at), { problem, help: `index each axis of \`${name}\`` });
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
    const sound = found.map((index, axis) =>
      this.#isWithin(index, this.#frame.spanOf(indices[axis] ?? { start, end }), shape[axis] ?? 0),
    );
    if (!sound.every(Boolean)) return undefined;
    return { kind: 'parameter', type: 'f32', name, shape, indices: found.filter((index) => index !== undefined) };
  }

  #isWithin(index: Expression | undefined, span: Span, extent: number): boolean {
    if (index === undefined) return false;
    if (index.type !== 'i32') {
      this.#refuseTypeIn(span, `an index is an integer, this is ${typeWords[index.type]}`, '`floor(x)` is an integer');
      return false;
    }
    const { low, high } = this.#rangeOf(index);
    if (low >= 0 && high < extent) return true;
    const text = span.file.text.slice(span.start, span.end);
    const isNever = high < 0 || low >= extent;
    const problem = `the index is ${rangeText({ low, high })}, the axis has ${extent === 1 ? 'entry 0' : `entries 0 to ${extent - 1}`}`;
    const clamped = `clamp(${text}, 0, ${extent - 1})`;
    const fixes = isNever ? [] : [{ title: `write \`${clamped}\``, edits: [{ span, text: clamped }] }];
    const help = isNever ? 'no entry has this index' : `write \`${clamped}\`, or bound the distance with \`mask\``;
    this.#report('EXP004', span, { problem, help }, [], fixes);
    return false;
  }

  #call({ name, start, end, nameEnd, operands }: Extract<Syntax, { kind: 'call' }>): Expression | undefined {
    const declared = this.#scope.functions.get(name);
    const own = operands.map((operand) => this.#operand(operand));
    const typed = own.map(({ expression }) => expression);
    const rule = functionNamed(name);
    if (declared === undefined && (rule === undefined || !isFunctionName(name))) {
      return this.#unknown({ start, end: nameEnd }, name, [...this.#scope.functions.keys(), ...Object.keys(functions)]);
    }
    const wanted = declared?.params ?? rule?.operands ?? [];
    const form = `${name}(${wanted.join(', ')})`;
    if (operands.length !== wanted.length) {
      const problem = `\`${name}\` takes ${countOf(wanted.length)}, here are ${operands.length}`;
      return this.refuseType({ start, end }, problem, `write \`${form}\``);
    }
    if (declared !== undefined) return this.#declaredCall(name, declared, own, { start, end });
    if (rule === undefined || !isFunctionName(name)) return undefined;
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

  #operand(syntax: Syntax): Operand {
    const before = this.#parts;
    const expression = this.expression(syntax);
    return { expression, parts: this.#parts - before };
  }

  /** The body in place of the call. */
  #declaredCall(
    name: string,
    { params, body, spanOf }: DeclaredFunction,
    operands: readonly Operand[],
    at: Range,
  ): Expression | undefined {
    this.calls.add(name);
    const around = this.#frame;
    const span = around.spanOf(at);
    if (around.calls.length === 0) this.#outermost = { name, span };
    const from = around.calls.findIndex((one) => one.name === name);
    if (from !== -1) {
      const others = around.calls.slice(from + 1).map((one) => `\`${one.name}\``);
      const way = others.length === 0 ? '' : ` by way of ${others.join(' and ')}`;
      const help = 'write it as a formula: the body of a function stands in place of its calls, which would never end';
      this.#report('EXP009', span, { problem: `\`${name}\` calls itself${way}`, help });
      return undefined;
    }
    // What is wrong with an operand has been reported.
    if (operands.some(({ expression }) => expression === undefined)) return undefined;
    const known = params.flatMap((param, index) => (operands[index] ? [[param, operands[index]] as const] : []));
    this.#frame = { operands: new Map(known), spanOf, calls: [...around.calls, { name, span }] };
    const result = this.expression(body);
    this.#frame = around;
    const isShallow = result === undefined || this.#nestingOf(result) <= expressionLimits.nesting;
    return isShallow || this.#refuseSize(`more than ${expressionLimits.nesting} levels of nesting`)
      ? result
      : undefined;
  }

  #typedCall(name: FunctionName, operands: readonly Expression[], at: Range): Expression | undefined {
    const { rule, result } = functions[name];
    if (rule === 'head') {
      const [head] = operands;
      const heads = this.#scope.ranges.names.h ?? i32Range;
      if (head === undefined || !this.#isWithin(head, this.places.get(head) ?? this.#frame.spanOf(at), heads.high + 1))
        return undefined;
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

const countOf = (operands: number) => (operands === 1 ? 'one operand' : `${operands} operands`);

function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return ['<', '<=', '>', '>=', '==', '!='].includes(operator);
}
