import type { MaskShape } from '../../../check/shaped-spec.ts';
import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { type Binding, type Constant, u32c, words } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';
import { isPerHead } from './expressions.ts';

/** Which key columns a query sees, and which of them need not be read: the one text of the masks for every form of the attention kernel. */
export interface MaskParts {
  readonly constants: Readonly<Record<string, Constant>>;
  readonly bindings: readonly Binding[];
  /** `visible_columns(sequence, token) -> u32`: columns up to the last visible one; grows with the token. And `first_key`, if there is one. */
  readonly limits: readonly string[];
  /** `visible(sequence, batch, token, column) -> bool`. */
  readonly visible: string;
  /**
   * `shared_columns(sequence, first, last) -> vec2u`: the queries from token `first` to `last` all see the columns from x up to y.
   * Undefined when columns between may be hidden from some; masks that are given with the call may hide some, see `openColumns`.
   */
  readonly shared: string | undefined;
  /** A column is visible exactly when it is among the `shared_columns` of its own token. */
  readonly ranged: boolean;
  /** A column is visible exactly when it is below `visible_columns`. */
  readonly plain: boolean;
}

export function maskParts(options: AttentionOptions): MaskParts {
  const { mask } = options;
  return {
    constants: {
      ...(mask.window !== undefined && { WINDOW: u32c(mask.window) }),
      ...(mask.chunk !== undefined && { CHUNK_KEYS: u32c(mask.chunk) }),
      ...(typeof mask.prefix === 'number' && { PREFIX_KEYS: u32c(mask.prefix) }),
    },
    bindings: [
      ...(mask.padding === 'none' ? [] : [words('key_mask')]),
      ...(mask.documents ? [words('documents')] : []),
    ],
    limits: [visibleColumns(options), ...(skipsFirstKeys(mask) ? [firstKey(mask)] : [])],
    visible: visible(options),
    shared: mask.where === undefined ? sharedColumns(mask) : undefined,
    ranged: !hidesSingleKeys(mask) && (!hidesFirstKeys(mask) || !seesBeforeFirstKey(options)),
    plain: !hidesFirstKeys(mask) && !hidesSingleKeys(mask),
  };
}

/** Columns that stay visible when the window or the chunk has moved past them. */
const seesBeforeFirstKey = ({ mask, columns }: AttentionOptions) =>
  mask.prefix !== undefined ||
  (columns.zero + columns.memory > 0 && (mask.memoryVisible !== 'windowed' || mask.chunk !== undefined));

const hidesSingleKeys = (mask: MaskShape) => isMaskGiven(mask) || mask.where !== undefined;

function sharedColumns(mask: MaskShape): string {
  const first = hidesFirstKeys(mask) ? 'u32(max(i32(PREFIX_COLUMNS) + first_key(sequence, last), 0))' : '0u';
  return wgsl`
    /** Tokens from first to last all see the columns from x up to y. */
    fn shared_columns(sequence: Sequence, first: u32, last: u32) -> vec2u {
      return vec2u(${first}, visible_columns(sequence, first));
    }`;
}

/**
 * Keys far behind a query are hidden, by a built-in mask or by `where`: `first_key(sequence, token)` is the first that may be seen,
 * of those that are not of the prefix.
 */
export const skipsFirstKeys = (mask: MaskShape) =>
  hidesFirstKeys(mask) || mask.where?.bounds.maxDistance !== undefined || mask.where?.bounds.firstKey !== undefined;

const hidesFirstKeys = ({ window, chunk }: MaskShape) => window !== undefined || chunk !== undefined;

/** Keys that every query sees. */
function prefixKeys({ prefix }: MaskShape): string | undefined {
  if (prefix === undefined) return undefined;
  return prefix === 'runtime' ? 'sequence.prefix' : 'PREFIX_KEYS';
}

/**
 * A kernel that walks over tiles of columns, `size` columns each, skips those that no query from `token` on sees:
 * `fn next_tile(sequence, token, column) -> u32` gives the first tile from `column` on that has to be read. Undefined when
 * the masks skip none.
 */
export function nextTile({ mask }: AttentionOptions, size: string): string | undefined {
  if (!skipsFirstKeys(mask)) return undefined;
  const prefix = prefixKeys(mask);
  const always = prefix === undefined ? 'PREFIX_COLUMNS' : `PREFIX_COLUMNS + ${prefix}`;
  return wgsl`
    /** The first tile from the column on that the token, or a later one, sees anything of. */
    fn next_tile(sequence: Sequence, token: u32, column: u32) -> u32 {
      let reached = PREFIX_COLUMNS + u32(max(first_key(sequence, token), 0));
      return select(column, max(column, reached / ${size} * ${size}), column >= ${always});
    }`;
}

/** Of the keys that are not of the prefix, the first that the window, the chunk and `where` leave; below 0 when they leave all. */
function firstKey({ window, chunk, where }: MaskShape): string {
  const { maxDistance, firstKey: first } = where?.bounds ?? {};
  const bounds = [
    ...(window === undefined ? [] : ['position - i32(WINDOW) + 1']),
    ...(chunk === undefined ? [] : ['position / i32(CHUNK_KEYS) * i32(CHUNK_KEYS)']),
    ...(maxDistance === undefined ? [] : [shifted('position', -maxDistance)]),
    ...(first === undefined ? [] : [String(first)]),
  ];
  return wgsl`
    /** The first key that is not yet too far behind the token; negative when all are seen. */
    fn first_key(sequence: Sequence, token: u32) -> i32 {
      let position = i32(sequence.past + token);
      return ${joined('max', bounds)};
    }`;
}

/** To the query's own position when causal, to the end of its chunk, or to the end of the sequence; the prefix in any case. */
function visibleColumns({ mask, keyLayout }: AttentionOptions): string {
  const length = 'sequence.past + sequence.count';
  const prefix = prefixKeys(mask);
  const own = ownEnd(mask);
  // With more given queries than keys the first queries stand before the first key: past is negative, in two's complement.
  const reached =
    own !== undefined && keyLayout === 'tokens-first'
      ? `select(${own}, 0u, bitcast<i32>(sequence.past + token) < 0)`
      : own;
  const end = reached !== undefined && prefix !== undefined ? `max(${reached}, ${prefix})` : reached;
  return wgsl`
    /** Columns up to the last one that the token sees. */
    fn visible_columns(sequence: Sequence, token: u32) -> u32 {
      return PREFIX_COLUMNS + ${joined('min', [length, ...(end === undefined ? [] : [end]), ...endsOfWhere(mask)])};
    }`;
}

/** Where the keys end that `where` shows: with the prefix too, unlike the other masks. */
function endsOfWhere({ where }: MaskShape): readonly string[] {
  const { minDistance, lastKey } = where?.bounds ?? {};
  return [
    ...(minDistance === undefined
      ? []
      : [`u32(max(${shifted('bitcast<i32>(sequence.past + token)', 1 - minDistance)}, 0))`]),
    ...(lastKey === undefined ? [] : [`${Math.max(lastKey + 1, 0)}u`]),
  ];
}

function shifted(text: string, by: number): string {
  if (by === 0) return text;
  return `${text} ${by < 0 ? '-' : '+'} ${Math.abs(by)}`;
}

/** The least or the greatest of one or more. */
function joined(name: 'min' | 'max', [first = '', ...rest]: readonly string[]): string {
  return rest.reduce((text, one) => `${name}(${text}, ${one})`, first);
}

function ownEnd({ causal, chunk }: MaskShape): string | undefined {
  if (causal) return 'sequence.past + token + 1u';
  return chunk === undefined ? undefined : '((sequence.past + token) / CHUNK_KEYS + 1u) * CHUNK_KEYS';
}

/** Zero and memory columns stand right before the first token, if a window hides them at all. */
function visible({ mask, keyLayout }: AttentionOptions): string {
  const byKey = hidesFirstKeys(mask) || mask.documents || mask.padding !== 'none';
  const movesOverMemory = mask.window !== undefined && mask.memoryVisible === 'windowed';
  const conditions = [
    ...(movesOverMemory ? ['key < 0 && position - key >= i32(WINDOW)'] : []),
    ...(hidesFirstKeys(mask) ? [`key >= ${firstBound(mask)} && key < first_key(sequence, token)`] : []),
    ...(mask.padding === 'none' ? [] : ['key >= 0 && key_mask[batch * step.keys + u32(key)] == 0u']),
    ...(mask.documents ? [otherDocument(keyLayout)] : []),
    ...(mask.where && !isPerHead(mask.where) ? ['!shown(sequence, batch, 0u, token, column)'] : []),
  ];
  return wgsl`
    fn visible(sequence: Sequence, batch: u32, token: u32, column: u32) -> bool {
      ${movesOverMemory || mask.documents ? 'let position = i32(sequence.past + token);' : ''}
      ${byKey ? 'let key = i32(column) - i32(PREFIX_COLUMNS);' : ''}
      ${conditions.map((condition) => `if (${condition}) {\n  return false;\n}`).join('\n')}
      return column < visible_columns(sequence, token);
    }`;
}

function firstBound(mask: MaskShape): string {
  const prefix = prefixKeys(mask);
  return prefix === undefined ? '0' : `i32(${prefix})`;
}

/** A query that stands before the first given key is of no document. */
function otherDocument(keyLayout: AttentionOptions['keyLayout']): string {
  const differ = 'documents[batch * step.keys + u32(key)] != documents[batch * step.keys + u32(position)]';
  return keyLayout === 'tokens-first' ? `key >= 0 && (position < 0 || ${differ})` : `key >= 0 && ${differ}`;
}
