import { expressionLimits, type Token, tokenize } from './lexer.ts';
import type { BinaryOperator, Range, Syntax, SyntaxProblem } from './syntax.ts';

/** The expression that a text is, or the first reason why it is none. Of limited size and depth. */
export function parseExpression(text: string): Syntax | SyntaxProblem {
  const tokens = tokenize(text);
  if ('problem' in tokens) return tokens;
  try {
    return new Parser(tokens).whole();
  } catch (error) {
    if (error instanceof Refusal) return error.problem;
    throw error;
  }
}

export function isProblem(result: Syntax | SyntaxProblem): result is SyntaxProblem {
  return 'problem' in result;
}

/** Loosest first; all but comparisons associate to the left, comparisons do not chain. */
const levels: readonly (readonly string[])[] = [
  ['|'],
  ['&'],
  ['<', '<=', '>', '>=', '==', '!='],
  ['+', '-'],
  ['*', '/', '//', '%'],
];
const comparisons = levels[2] ?? [];

/** What other languages write, and what is written here. */
const foreign: ReadonlyMap<string, string> = new Map([
  ['&&', 'write `&`'],
  ['||', 'write `|`'],
  ['and', 'write `&`'],
  ['or', 'write `|`'],
  ['not', 'write `!`'],
  ['=', 'write `==` to compare'],
  ['**', 'write a product, or `exp(y * log(x))`'],
  ['^', 'write a product, or `exp(y * log(x))`'],
  ['?', 'write `select(condition, value, other)`'],
  ['if', 'write `select(condition, value, other)`'],
  ['else', 'write `select(condition, value, other)`'],
]);

/** Leaves the parser at the first mistake; never leaves this file. */
class Refusal {
  readonly problem: SyntaxProblem;
  constructor(problem: SyntaxProblem) {
    this.problem = problem;
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #parts = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Syntax {
    const result = this.#binary(0);
    if (this.#next.kind !== 'end') throw this.#unexpected('an operator');
    return result;
  }

  get #next(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] ?? { kind: 'end', text: '', start: 0, end: 0 };
  }

  #take(): Token {
    const token = this.#next;
    this.#at += 1;
    return token;
  }

  #binary(level: number): Syntax {
    const operators = levels[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.#next.kind === 'symbol' && operators.includes(this.#next.text)) {
      const { text } = this.#take();
      const right = this.#binary(level + 1);
      const range = { start: left.start, end: right.end };
      // Sound: only operators of `levels` come here, and these are all binary operators.
      left = this.#part({ kind: 'binary', operator: text as BinaryOperator, left, right, ...range });
      if (operators === comparisons && comparisons.includes(this.#next.text)) {
        throw refusal(this.#next, 'comparisons do not chain', 'join two comparisons with `&`');
      }
    }
    return left;
  }

  #unary(): Syntax {
    const { kind, text, start } = this.#next;
    if (kind !== 'symbol' || (text !== '-' && text !== '!')) return this.#operand();
    this.#take();
    const operand = this.#deeper(start, () => this.#unary());
    return this.#part({ kind: 'unary', operator: text, operand, start, end: operand.end });
  }

  #operand(): Syntax {
    const token = this.#next;
    if (token.kind === 'number') {
      this.#take();
      return this.#part({ kind: 'number', text: token.text, start: token.start, end: token.end });
    }
    if (token.kind === 'name' && !foreign.has(token.text)) return this.#named();
    if (token.text !== '(') throw this.#unexpected('a value');
    this.#take();
    const inner = this.#deeper(token.start, () => this.#binary(0));
    const close = this.#close(')', token);
    return { ...inner, start: token.start, end: close.end };
  }

  #named(): Syntax {
    const { text: name, start, end } = this.#take();
    const range = { start, end };
    if (name === 'true' || name === 'false') return this.#part({ kind: 'truth', value: name === 'true', ...range });
    const open = this.#next;
    if (open.text === '(') {
      const operands = this.#list(')');
      return this.#part({ kind: 'call', name, nameEnd: end, operands, start, end: this.#end });
    }
    if (open.text === '[') {
      const indices = this.#list(']');
      return this.#part({ kind: 'index', name, nameEnd: end, indices, start, end: this.#end });
    }
    return this.#part({ kind: 'name', name, ...range });
  }

  /** Where the last token ended. */
  get #end(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0;
  }

  #list(close: ')' | ']'): readonly Syntax[] {
    const open = this.#take();
    if (this.#next.text === close) {
      this.#take();
      return [];
    }
    const items = this.#deeper(open.start, () => {
      const found = [this.#binary(0)];
      while (this.#next.text === ',') {
        this.#take();
        found.push(this.#binary(0));
      }
      return found;
    });
    this.#close(close, open);
    return items;
  }

  #close(close: ')' | ']', open: Token): Token {
    if (this.#next.text === close) return this.#take();
    if (this.#next.kind === 'end') throw refusal(open, `this \`${open.text}\` is never closed`);
    throw this.#unexpected(`an operator or \`${close}\``);
  }

  #deeper<T>(start: number, parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > expressionLimits.depth) {
      throw refusal({ start, end: start + 1 }, `it has more than ${expressionLimits.depth} levels of nesting`);
    }
    const result = parse();
    this.#depth -= 1;
    return result;
  }

  #part(syntax: Syntax): Syntax {
    this.#parts += 1;
    if (this.#parts > expressionLimits.parts) throw refusal(syntax, `it has more than ${expressionLimits.parts} parts`);
    return syntax;
  }

  #unexpected(expected: string): Refusal {
    const token = this.#next;
    if (token.kind === 'end') {
      const last = this.#tokens.at(-2);
      return refusal(last ?? token, `${expected} is missing at the end`);
    }
    return refusal(token, `expected ${expected}, found \`${clip(token.text)}\``, foreign.get(token.text));
  }
}

function refusal({ start, end }: Range, problem: string, help?: string): Refusal {
  return new Refusal({ at: { start, end }, problem, ...(help === undefined ? {} : { help }) });
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
