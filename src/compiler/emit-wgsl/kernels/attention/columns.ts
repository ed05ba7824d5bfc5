import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { cacheRows } from '../../cache-rows.ts';
import { int8Index, int8Scale, signedBytes, signedHalves } from '../../int8-rows.ts';
import { type Binding, buffer } from '../../kernel.ts';
import { halfQuad, halvesOf, rowLoader, rowsBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { memorySlot, sequenceRow } from './attention.ts';

/** Keys and values that are read `loadEntries` entries at a time, those of f32 always eight. */
type ReadColumns = Pick<
  AttentionOptions,
  'columns' | 'keys' | 'keyLayout' | 'cacheLayout' | 'headDim' | 'valueDim' | 'valuesInKeys'
> & {
  readonly loadEntries: 4 | 8;
  /** Of a key, where it is more than of a value. */
  readonly keyEntries?: 16;
};

/** How many entries of a key or a value are read at a time. */
const entriesOf = (name: 'keys' | 'values', { loadEntries, keyEntries }: ReadColumns) =>
  name === 'keys' ? (keyEntries ?? loadEntries) : loadEntries;

/** Keys, values and their memory. */
export function columnsBindings(plan: ReadColumns): readonly Binding[] {
  const { headDim, valueDim, columns, keys } = plan;
  const typeOf = (name: 'keys' | 'values') => storedType({ keys, loadEntries: entriesOf(name, plan) });
  return [
    buffer('k', typeOf('keys')),
    ...(plan.valuesInKeys ? [] : [buffer('v', typeOf('values'))]),
    ...(columns.memory > 0 ? [rowsBinding('memory_k', headDim), rowsBinding('memory_v', valueDim)] : []),
    ...cachedRows(plan).flatMap(({ bindings }) => bindings),
  ];
}

/** What `keys_entries` and `values_entries` call. */
export function columnsFunctions(plan: ReadColumns): readonly string[] {
  const { headDim, valueDim, columns, keys } = plan;
  return [
    ...cachedRows(plan).flatMap(({ functions }) => functions),
    ...(columns.memory > 0 ? [rowLoader('memory_k', headDim), rowLoader('memory_v', valueDim)] : []),
    ...(keys === 'int8' ? [signedBytes, signedHalves, ...int8Scales(plan)] : []),
  ];
}

const cachedRows = ({ keyLayout, cacheLayout }: ReadColumns) =>
  keyLayout === 'heads-first' ? [cacheRows(cacheLayout)] : [];

/** What has `loadEntries` entries as they are stored. */
export function storedType({
  loadEntries,
  keys,
}: Pick<ReadColumns, 'keys'> & { readonly loadEntries: 4 | 8 | 16 }): string {
  if (keys === 'f32') return 'mat2x4f';
  if (keys === 'int8') return { 4: 'u32', 8: 'vec2u', 16: 'vec4u' }[loadEntries];
  return loadEntries === 8 ? 'vec4u' : 'vec2u';
}

/** Of as many entries of int8. */
const wordsOf = (entries: 4 | 8 | 16) => (({ 4: 1, 8: 2, 16: 4 }) as const)[entries];

const int8Scales = (plan: ReadColumns) => [
  int8Scale('k', plan.headDim, wordsOf(entriesOf('keys', plan))),
  int8Scale('v', plan.valueDim, wordsOf(entriesOf('values', plan))),
];

/**
 * `fn keys_entries(batch, kv_head, column, piece)`: `loadEntries` entries of a key or value, zero in those of `pieces` that lie
 * beyond the width. As they are stored: f16, or int8 that is still to be scaled, and has no memory. `memory` is rounded to f16, or zero
 * in kernels that read it as it is; absent, where no column of the prefix is asked for.
 */
export function columnEntries(
  name: 'keys' | 'values',
  plan: ReadColumns,
  pieces: number,
  memory: 'rounded' | 'zero' | 'absent' = 'rounded',
): string {
  const width = name === 'keys' ? plan.headDim : plan.valueDim;
  const { columns } = plan;
  const loadEntries = entriesOf(name, plan);
  const hasPrefix = columns.zero + columns.memory > 0;
  const source = name === 'keys' || plan.valuesInKeys ? 'k' : 'v';
  const pitch = source === 'k' ? plan.headDim : plan.valueDim;
  const type = storedType({ keys: plan.keys, loadEntries });
  const filled = Math.ceil(width / loadEntries);
  const beyond = wgsl`
    if (piece >= ${filled}u) {
      return ${zeroOf(type)};
    }`;
  const prefix = {
    rounded: [
      ...(columns.zero > 0 ? [zeroColumns(type)] : []),
      ...(columns.memory > 0 ? [memoryEntries(source, plan)] : []),
    ],
    zero: columns.memory > 0 ? [zeroColumns(type, 'PREFIX_COLUMNS')] : columns.zero > 0 ? [zeroColumns(type)] : [],
    absent: [],
  };
  const index =
    plan.keys === 'int8'
      ? int8Index(width, wordsOf(loadEntries), 'piece')
      : `row * ${Math.ceil(pitch / loadEntries)}u + piece`;
  return wgsl`
    /** Entries of ${name === 'keys' ? 'a key' : 'a value'}, ${loadEntries} of them, as they are stored. */
    fn ${name}_entries(batch: u32, kv_head: u32, ${hasPrefix ? 'column' : 'token'}: u32, piece: u32) -> ${type} {
      ${pieces > filled ? beyond : ''}
      ${prefix[memory].join('\n')}
      ${hasPrefix ? 'let token = column - PREFIX_COLUMNS;' : ''}
      let row = ${sequenceRow(plan)};
      return ${source}[${index}];
    }`;
}

const zeroColumns = (type: string, end = 'ZERO_COLUMNS') => wgsl`
  if (column < ${end}) {
    return ${zeroOf(type)};
  }`;

const zeroOf = (type: string) => (type === 'mat2x4f' ? `${type}()` : `${type}(0)`);

function memoryEntries(source: 'k' | 'v', plan: ReadColumns): string {
  const quad = (index: string) => `load_memory_${source}(${memorySlot(plan)}, ${index})`;
  return wgsl`
    if (column < PREFIX_COLUMNS) {
      return ${plan.loadEntries === 8 ? halvesOf([quad('2u * piece'), quad('2u * piece + 1u')]) : halfQuad(quad('piece'))};
    }`;
}

/** `fn keys_scale(batch, kv_head, column) -> f32`, of int8. */
export function columnScale(name: 'keys' | 'values', plan: ReadColumns): string {
  const { columns } = plan;
  return wgsl`
    /** What stored entries are multiplied with. */
    fn ${name}_scale(batch: u32, kv_head: u32, ${columns.zero > 0 ? 'column' : 'token'}: u32) -> f32 {
      ${columns.zero > 0 ? zeroColumns('f32') : ''}
      ${columns.zero > 0 ? 'let token = column - PREFIX_COLUMNS;' : ''}
      return ${name === 'keys' ? 'k' : 'v'}_scale(${sequenceRow(plan)});
    }`;
}

/** How many reads of `loadEntries` entries make a row in whole blocks of 16. */
export const piecesOf = ({ loadEntries }: Pick<ReadColumns, 'loadEntries'>, width: number): number =>
  Math.ceil(width / 16) * (16 / loadEntries);
