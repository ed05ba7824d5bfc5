import { CstParser, type IToken } from 'chevrotain';
import type { OptionNode } from './option.ts';
import { childOption, isFlag, options } from './options.ts';
import {
  CloseList,
  CloseMap,
  Comma,
  False,
  Null,
  NumberText,
  OpenList,
  OpenMap,
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
 * and takes no bare word but `true` and `false`. Builds a concrete syntax tree and nothing else. The library's own recovery is
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

  constructor() {
    super(vocabulary, { recoveryEnabled: false, maxLookahead: 1 });
    this.performSelfAnalysis();
  }
}

export const parser = new SpecParser();

function optionIn(around: Option, key: IToken): Option {
  return childOption(around, key.tokenType === Text ? (unquote(key.image) ?? '') : key.image);
}
