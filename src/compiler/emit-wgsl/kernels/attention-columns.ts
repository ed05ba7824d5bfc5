import type { AttentionOptions } from '../../plan/kernel-plan.ts';
import { cacheRows } from '../cache-rows.ts';
import type { Binding } from '../kernel.ts';
import { rowLoader, rowsBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';
import { sequenceRow } from './attention.ts';

/** Keys and values of f16 that are read `loadEntries` entries at a time. */
type HalfColumns = Pick<AttentionOptions, 'columns' | 'keyLayout' | 'cacheLayout' | 'headDim' | 'valueDim'> & {
  readonly loadEntries: 4 | 8;
};

/** Keys, values and their memory. */
export function columnsBindings(plan: HalfColumns): readonly Binding[] {
  const { headDim, valueDim, columns } = plan;
  const type = `array<${entriesType(plan)}>`;
  return [
    { name: 'k', access: 'read', type },
    { name: 'v', access: 'read', type },
    ...(columns.memory > 0 ? [rowsBinding('memory_k', headDim), rowsBinding('memory_v', valueDim)] : []),
    ...cachedRows(plan).flatMap(({ bindings }) => bindings),
  ];
}

/** What `keys_entries` and `values_entries` call. */
export function columnsFunctions(plan: HalfColumns): readonly string[] {
  const { headDim, valueDim, columns } = plan;
  return [
    ...cachedRows(plan).flatMap(({ functions }) => functions),
    ...(columns.memory > 0 ? [rowLoader('memory_k', headDim), rowLoader('memory_v', valueDim)] : []),
  ];
}

const cachedRows = ({ keyLayout, cacheLayout }: HalfColumns) =>
  keyLayout === 'heads-first' ? [cacheRows(cacheLayout)] : [];

export const entriesType = ({ loadEntries }: Pick<HalfColumns, 'loadEntries'>): string =>
  loadEntries === 8 ? 'vec4u' : 'vec2u';

/**
 * `fn keys_entries(batch, kv_head, column, part) -> vec4u`: the f16 entries of a part of a key or value, zero in the parts of `parts`
 * that lie beyond the width.
 */
export function columnEntries(name: 'keys' | 'values', plan: HalfColumns, parts: number): string {
  const width = name === 'keys' ? plan.headDim : plan.valueDim;
  const { columns, loadEntries } = plan;
  const source = name === 'keys' ? 'k' : 'v';
  const type = entriesType(plan);
  const filled = Math.ceil(width / loadEntries);
  const beyond = wgsl`
    if (part >= ${filled}u) {
      return ${type}(0);
    }`;
  const zero = wgsl`
    if (column < ZERO_COLUMNS) {
      return ${type}(0);
    }`;
  const slot = `kv_head * MEMORY_SLOTS + column${columns.zero > 0 ? ' - ZERO_COLUMNS' : ''}`;
  const quad = (index: string) => `bitcast<vec2u>(vec4h(load_memory_${source}(${slot}, ${index})))`;
  const memory = wgsl`
    if (column < PREFIX_COLUMNS) {
      return ${loadEntries === 8 ? `vec4u(${quad('2u * part')}, ${quad('2u * part + 1u')})` : quad('part')};
    }`;
  return wgsl`
    fn ${name}_entries(batch: u32, kv_head: u32, column: u32, part: u32) -> ${type} {
      ${parts > filled ? beyond : ''}
      ${columns.zero > 0 ? zero : ''}
      ${columns.memory > 0 ? memory : ''}
      let token = column${columns.zero + columns.memory > 0 ? ' - PREFIX_COLUMNS' : ''};
      return ${source}[${sequenceRow(plan)} * ${filled}u + part];
    }`;
}

/** How many reads of `loadEntries` entries make a row in whole blocks of 16. */
export const partsOf = ({ loadEntries }: Pick<HalfColumns, 'loadEntries'>, width: number): number =>
  Math.ceil(width / 16) * (16 / loadEntries);
