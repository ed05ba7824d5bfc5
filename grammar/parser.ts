import { CstParser, type IToken } from 'chevrotain';
import type { OptionNode } from './option.ts';
import { childOption, isFlag, options } from './options.ts';
import {
  CloseList,
  CloseMap,
  CloseParen,
  Comma,
  False,
  Null,
  NumberText,
  OpenList,
  OpenMap,
  OpenParen,
  Operator,
  Text,
  True,
  unquote,
  vocabulary,
  Word,
} from './tokens.ts';

type Option = OptionNode | undefined;

/**
 * The `.gqa` syntax. Line ends mean nothing and commas are optional, so that one question needs the option table: is the word
 * after a word its value (`kind rms`), or the next option (`causal window 128`)? An option that is true or false is a flag,
 * and takes no bare word but `true` and `false`. An option whose value is an expression takes as many tokens as can belong to one;
 * what they say is the business of the expression's own parser. Builds a concrete syntax tree and nothing else. The library's own recovery is
 * off: it recurses once for each mistake, without a bound.
 */
class SpecParser extends CstParser {
  readonly spec = this.RULE('spec', () => {
    this.MANY(() => this.SUBRULE(this.entry, { ARGS: [options] }));
  });

  readonly entry = this.RULE('entry', (around?: Option) => {
    this.SUBRULE(this.key);
    this.OPTION({
      GATE: () => !isFlag(optionIn(around, this.LA(0))) || this.LA(1).tokenType !== Word,
      DEF: () => this.SUBRULE(this.value, { ARGS: [optionIn(around, this.LA(0))] }),
    });
    this.OPTION1(() => this.CONSUME(Comma));
  });

  readonly key = this.RULE('key', () => {
    this.OR([{ ALT: () => this.CONSUME(Word) }, { ALT: () => this.CONSUME(Text) }]);
  });

  readonly value = this.RULE('value', (option?: Option) => {
    this.OR([
      {
        GATE: () => option?.kind === 'expression' && !written.has(this.LA(1).tokenType),
        ALT: () => this.SUBRULE(this.expression),
        IGNORE_AMBIGUITIES: true,
      },
      { ALT: () => this.CONSUME(Word) },
      { ALT: () => this.CONSUME(NumberText) },
      { ALT: () => this.CONSUME(Text) },
      { ALT: () => this.CONSUME(True) },
      { ALT: () => this.CONSUME(False) },
      { ALT: () => this.CONSUME(Null) },
      { ALT: () => this.SUBRULE(this.map, { ARGS: [option] }) },
      { ALT: () => this.SUBRULE(this.list, { ARGS: [option] }) },
    ]);
  });

  readonly map = this.RULE('map', (option?: Option) => {
    this.CONSUME(OpenMap);
    this.MANY(() => this.SUBRULE(this.entry, { ARGS: [option] }));
    this.CONSUME(CloseMap);
  });

  readonly list = this.RULE('list', (option?: Option) => {
    this.CONSUME(OpenList);
    this.MANY(() => this.SUBRULE(this.item, { ARGS: [option] }));
    this.CONSUME(CloseList);
  });

  readonly item = this.RULE('item', (option?: Option) => {
    this.SUBRULE(this.value, { ARGS: [option] });
    this.OPTION(() => this.CONSUME(Comma));
  });

  readonly expression = this.RULE('expression', () => {
    this.SUBRULE(this.piece);
    this.MANY({ GATE: () => continues(this.LA(0), this.LA(1)), DEF: () => this.SUBRULE1(this.piece) });
  });

  readonly piece = this.RULE('piece', () => {
    this.OR([
      { ALT: () => this.CONSUME(Word) },
      { ALT: () => this.CONSUME(NumberText) },
      { ALT: () => this.CONSUME(True) },
      { ALT: () => this.CONSUME(False) },
      { ALT: () => this.CONSUME(Null) },
      { ALT: () => this.CONSUME(Operator) },
      { ALT: () => this.SUBRULE(this.operands) },
      { ALT: () => this.SUBRULE(this.indices) },
    ]);
  });

  readonly operands = this.RULE('operands', () => {
    this.CONSUME(OpenParen);
    this.MANY(() => this.SUBRULE(this.inner));
    this.CONSUME(CloseParen);
  });

  readonly indices = this.RULE('indices', () => {
    this.CONSUME(OpenList);
    this.MANY(() => this.SUBRULE(this.inner));
    this.CONSUME(CloseList);
  });

  readonly inner = this.RULE('inner', () => {
    this.OR([{ ALT: () => this.SUBRULE(this.piece) }, { ALT: () => this.CONSUME(Comma) }]);
  });

  constructor() {
    super(vocabulary, { recoveryEnabled: false, maxLookahead: 1 });
    this.performSelfAnalysis();
  }
}

export const parser = new SpecParser();

/** What stands in place of an expression: one in quotes, or what cannot be one. */
const written = new Set([Text, Null, OpenMap, OpenList]);

/** Whether a token goes on with the expression that another one is of. A word after a value is the next option. */
function continues(last: IToken, next: IToken): boolean {
  const { tokenType: type, image } = last;
  const isOpen = type === Operator || (type !== CloseParen && type !== CloseList && /[-+/]$/.test(image));
  if (isOpen) return next.tokenType !== OpenList;
  if (next.tokenType === NumberText) return /^[-+]/.test(next.image);
  return next.tokenType === Operator || next.tokenType === OpenParen || next.tokenType === OpenList;
}

function optionIn(around: Option, key: IToken): Option {
  return childOption(around, key.tokenType === Text ? (unquote(key.image) ?? '') : key.image);
}
