export type OptionNode =
  | MapOption
  | IntegerOption
  | NumberOption
  | BooleanOption
  | EnumOption
  | TextOption
  | ListOption
  | NamesOption
  | IntegersOption
  | OverridesOption
  | WordsOption
  | NumbersOption
  | AxesOption
  | DeclarationsOption
  | ExpressionOption;

/** The pass whose result the option changes, or `check` for what is only compared with others: test/options proves it of each. */
export type Stage = 'check' | 'lower' | 'plan' | 'emit' | 'runtime';

interface OptionBase {
  readonly doc: string;
  readonly consumedBy: Stage;
  /** First version of gqac that knows the option. */
  readonly since: string;
  readonly required?: true;
  /** For a default that depends on other options: the rule in words. `bind` computes it. */
  readonly derived?: string;
}

export interface MapOption extends OptionBase {
  readonly kind: 'map';
  /** `meaning`: absent and empty differ (no rope, or rope with defaults). `grouping`: absent is the same as all defaults. */
  readonly presence: 'meaning' | 'grouping';
  readonly entries: Readonly<Record<string, OptionNode>>;
  /** A value in place of the map, bare or for a `list` option a list, stands for this key alone. */
  readonly shorthand?: string;
  /** A list of up to so many of these maps may stand in place of one; see `BoundSpec.itemsOf`. */
  readonly maxItems?: number;
}

export interface IntegerOption extends OptionBase {
  readonly kind: 'integer';
  readonly min: number;
  readonly max: number;
  readonly default?: number;
  /** The only accepted value. */
  readonly exactly?: number;
  /** Accepted in place of a number. */
  readonly word?: string;
}

export interface NumberOption extends OptionBase {
  readonly kind: 'number';
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly default?: number;
  /** Accepted in place of a number. */
  readonly word?: string;
}

export interface BooleanOption extends OptionBase {
  readonly kind: 'boolean';
  readonly default?: boolean;
}

export interface EnumOption extends OptionBase {
  readonly kind: 'enum';
  readonly values: readonly string[];
  readonly default?: string;
}

export interface TextOption extends OptionBase {
  readonly kind: 'text';
  readonly pattern: string;
  /** What the pattern asks for, in words. */
  readonly form: string;
}

export interface ListOption extends OptionBase {
  readonly kind: 'list';
  readonly values: readonly string[];
  readonly default?: readonly string[];
  /** All values, in the order that is meant. */
  readonly ordering?: true;
}

/** A list of different integers; not empty, or of so many. */
export interface IntegersOption extends OptionBase {
  readonly kind: 'integers';
  readonly min: number;
  readonly max: number;
  readonly length?: number;
  /** Accepted in place of a list. */
  readonly word?: string;
}

/** A map whose keys are the user's, each with one of the same maps. */
export interface NamesOption extends OptionBase {
  readonly kind: 'names';
  readonly form: string;
  readonly of: MapOption;
}

/** A map whose keys are the user's, each with a part of other options: none is required, and `none` takes one away. */
export interface OverridesOption extends OptionBase {
  readonly kind: 'overrides';
  readonly form: string;
  readonly of: MapOption;
  /** `of` is this option of a spec, rather than a map of several. */
  readonly like?: string;
}

/** A list of words that are the user's; not empty. */
export interface WordsOption extends OptionBase {
  readonly kind: 'words';
  readonly form: string;
  /** What one of them is. */
  readonly item: string;
  /** A single word may stand in place of a list of one. */
  readonly orOne?: true;
}

/** A list of numbers above 0; not empty. */
export interface NumbersOption extends OptionBase {
  readonly kind: 'numbers';
  readonly form: string;
}

/** The axes of a tensor: sizes, or names that stand for one. */
export interface AxesOption extends OptionBase {
  readonly kind: 'axes';
  readonly names: readonly string[];
  readonly max: number;
  readonly maxItems: number;
  readonly default: readonly (string | number)[];
}

/** A map whose keys are the user's, each with a map of its own. */
export interface DeclarationsOption extends OptionBase {
  readonly kind: 'declarations';
  readonly form: string;
  readonly of: MapOption;
}

/** A formula of the expression language; text in YAML, without quotes in the DSL. */
export interface ExpressionOption extends OptionBase {
  readonly kind: 'expression';
  readonly form: string;
}

/** First version of everything that is here now. */
export const since = '0.1.0';

/** Bounds that keep every index product below 2^53. */
export const extent = { min: 1, max: 2 ** 24 } as const;
export const heads = { min: 1, max: 4096 } as const;

/** Numbers are compared and stored in 32 bits on the device: no option may be beyond their range. */
export const largestNumber = 3.4e38;
