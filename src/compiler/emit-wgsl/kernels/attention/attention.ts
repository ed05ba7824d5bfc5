import { hiddenScore } from '../../../ir/hidden-score.ts';
import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { cacheRows } from '../../cache-rows.ts';
import { int8RowLoader } from '../../int8-rows.ts';
import { type Binding, type Constant, f32c, sequencesBinding, stepBinding, u32c, words } from '../../kernel.ts';
import { enablesFor, halfRowLoader, paddedRowLoader, rowLoader, rowsBinding, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { type GroupParts, groupParts } from './heads.ts';
import { type LogitParts, logitParts } from './logits.ts';
import { type MaskParts, maskParts } from './masks.ts';

/** Below every logit that is not masked: what exponentials are relative to where a row has seen none. */
export const lowestLogit = -1e30;

/** Parts of the attention kernels, each of which takes those that it needs. */
export interface AttentionParts {
  readonly enables: readonly 'f16'[];
  readonly constants: Readonly<Record<string, Constant>>;
  readonly perCall: readonly Binding[];
  readonly queries: Part;
  /** Keys with their memory; `key_at(batch, kv_head, column, quad)`. */
  readonly keys: Part;
  /** Values with their memory; `value_at(batch, kv_head, column, quad)`. */
  readonly values: Part;
  /** `visible_columns`, `visible`, `visible_logit`, `logit`. */
  readonly logits: Part;
  readonly masks: Pick<MaskParts, 'limits' | 'shared' | 'ranged' | 'plain'>;
  readonly form: LogitParts['form'];
  /** A logit is the similarity times SCALE_LOG2E, hidden from `visible_columns` on. */
  readonly plain: boolean;
  readonly groups: GroupParts;
}

export interface Part {
  readonly bindings: readonly Binding[];
  readonly functions: readonly string[];
}

export function attentionParts(options: AttentionOptions): AttentionParts {
  const { heads, columns, headDim, valueDim } = options;
  const logits = logitParts(options);
  const masks = maskParts(options);
  return {
    enables: enablesFor(options.queries, options.keys, options.out),
    constants: {
      Q_HEADS: u32c(heads.qHeads),
      KV_HEADS: u32c(heads.kvHeads),
      QUERIES_PER_KV: u32c(heads.queriesPerKv),
      HEAD_QUADS: u32c(quads(headDim), 'groups of four entries'),
      VALUE_QUADS: u32c(quads(valueDim), 'groups of four entries'),
      ...(columns.zero > 0 && { ZERO_COLUMNS: u32c(columns.zero) }),
      ...(columns.memory > 0 && { MEMORY_SLOTS: u32c(columns.memory) }),
      PREFIX_COLUMNS: u32c(columns.zero + columns.memory, 'key columns before those of the sequence'),
      ...(options.keyLayout === 'heads-first' && cacheRows(options.cacheLayout).constants),
      ...masks.constants,
      SCALE: f32c(options.scale),
      // exp2 is the only exponential that WGSL promises precisely: logits are in units of log2.
      LOG2E: f32c(Math.LOG2E),
      SCALE_LOG2E: f32c(options.scale * Math.LOG2E, 'from a product to a logit, in units of log2'),
      MASKED: f32c(hiddenScore, 'the logit of a hidden column'),
      LOWEST: f32c(lowestLogit, 'below every logit that is not hidden'),
    },
    perCall: [sequencesBinding, stepBinding],
    queries: {
      bindings: [rowsBinding('q', headDim, options.queries)],
      functions: [rowLoader('q', headDim, options.queries)],
    },
    keys: columnsPart('key_at', 'k', headDim, options),
    values: options.valuesInKeys
      ? columnsPart('value_at', 'k', headDim, options)
      : columnsPart('value_at', 'v', valueDim, options),
    logits: {
      bindings: [...masks.bindings, ...logits.bindings],
      functions: [...masks.limits, masks.visible, ...logits.functions],
    },
    masks,
    form: logits.form,
    plain: masks.plain && logits.form === 'plain',
    groups: groupParts(options),
  };
}

/** @param members how many of a group's heads are active */
export const rowOf = (members: string) => wgsl`
  struct Row {
    token: u32, // of the sequence, among the new ones
    head: u32,
    index: u32, // among the rows of q and of the output
  }

  /** Rows of a KV head are numbered by token and by query head of its group; beyond the last one they repeat it. */
  fn row_of(number: u32, batch: u32, kv_head: u32${members === 'members' ? ', members: u32' : ''}) -> Row {
    let row = min(number, step.tokens * ${members} - 1u);
    let token = row / ${members};
    let head = query_head(kv_head, row % ${members});
    return Row(token, head, (batch * step.tokens + token) * Q_HEADS + head);
  }`;

/** `fn similarity(query: vec4f, key: vec4f) -> f32`: what four entries add to the similarity. */
export function similarityOfOne({ similarity }: AttentionOptions): string {
  const value = similarity === 'dot' ? 'dot(query, key)' : '-dot(query - key, query - key)';
  return wgsl`
    fn similarity(query: vec4f, key: vec4f) -> f32 {
      return ${value};
    }`;
}

/**
 * Rows of hidden tokens become zero: `fn keeps(batch: u32, sequence: Sequence, token: u32) -> bool`. Needs `key_mask`. A query that
 * stands before the first given key is hidden: its position wraps around.
 */
export const keepsVisibleTokens = wgsl`
  fn keeps(batch: u32, sequence: Sequence, token: u32) -> bool {
    let position = sequence.past + token;
    return position < step.keys && key_mask[batch * step.keys + position] != 0u;
  }`;

function columnsPart(reader: string, source: 'k' | 'v', width: number, options: AttentionOptions): Part {
  const rows = keyRows(source, width, options);
  const memory = options.columns.memory > 0;
  const name = `memory_${source}`;
  const cached = options.keyLayout === 'heads-first' ? [cacheRows(options.cacheLayout)] : [];
  return {
    bindings: [
      rows.binding,
      ...(memory ? [rowsBinding(name, width)] : []),
      ...cached.flatMap(({ bindings }) => bindings),
    ],
    functions: [
      ...cached.flatMap(({ functions }) => functions),
      ...rows.loader,
      ...(memory ? [rowLoader(name, width)] : []),
      columnReader(reader, source, options),
    ],
  };
}

/** Rows of keys or values. Those of caches are padded to four entries; those that the app gives are not. */
function keyRows(name: 'k' | 'v', width: number, { keys, keyLayout }: AttentionOptions) {
  if (keys === 'int8') return { binding: words(name), loader: int8RowLoader(name, width) };
  if (keyLayout === 'heads-first' || width % 4 === 0) {
    return { binding: vectorBinding(name, keys), loader: [paddedRowLoader(name, keys, width)] };
  }
  if (keys === 'f32') return { binding: rowsBinding(name, width), loader: [rowLoader(name, width)] };
  return { binding: words(name), loader: [halfRowLoader(name, width)] };
}

/** Row of a `token`'s key or value: the one place that knows the layouts. */
export const sequenceRow = ({ keyLayout }: Pick<AttentionOptions, 'keyLayout'>): string =>
  keyLayout === 'heads-first'
    ? 'cache_row(batch, kv_head, token)'
    : '(batch * step.capacity + token) * KV_HEADS + kv_head';

/** Row of what the memory's `column` is. */
export const memorySlot = ({ columns }: Pick<AttentionOptions, 'columns'>): string =>
  `kv_head * MEMORY_SLOTS + column${columns.zero > 0 ? ' - ZERO_COLUMNS' : ''}`;

/** Columns are [zero | memory | sequence]; every width and every mask follows from this one layout. */
function columnReader(name: string, source: 'k' | 'v', { keyLayout, columns }: AttentionOptions): string {
  const sequence = `load_${source}(${sequenceRow({ keyLayout })}, quad)`;
  if (columns.zero + columns.memory === 0) {
    return wgsl`
      fn ${name}(batch: u32, kv_head: u32, token: u32, quad: u32) -> vec4f {
        return ${sequence};
      }`;
  }
  const zero = wgsl`
    if (column < ZERO_COLUMNS) {
      return vec4f(0);
    }`;
  const memory = wgsl`
    if (column < PREFIX_COLUMNS) {
      return load_memory_${source}(${memorySlot({ columns })}, quad);
    }`;
  return wgsl`
    fn ${name}(batch: u32, kv_head: u32, column: u32, quad: u32) -> vec4f {
      ${columns.zero > 0 ? zero : ''}
      ${columns.memory > 0 ? memory : ''}
      let token = column - PREFIX_COLUMNS;
      return ${sequence};
    }`;
}
