import type { LinearRowPlan, ProductHeadsPlan } from '../../../plan/linear/kernel-plan.ts';
import { cacheRows } from '../../cache-rows.ts';
import { type Binding, buffer, type Constant, sequencesBinding, stepBinding, u32c } from '../../kernel.ts';
import { enablesFor } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { finish, type MatrixAccess, rowsOfY } from './linear.ts';

/** What a product makes, in the order of a kernel's products. */
const madeAt = ({ heads }: LinearRowPlan, index: number): ProductHeadsPlan['makes'][number] =>
  heads?.makes[index] ?? 'rows';

/** Entries that are turned together are neighbours in a workgroup. */
export const isTurned = (plan: LinearRowPlan, index: number): boolean => {
  const made = madeAt(plan, index);
  return plan.heads?.rotation !== undefined && (made === 'queries' || made === 'keys');
};

/** Where a product's outputs go, and `fn finish…`, which brings one of them there. Those that are turned are made by `fn value_of…` before. */
export function resultOf(plan: LinearRowPlan, index: number, suffix: string): MatrixAccess {
  const made = madeAt(plan, index);
  const turned = isTurned(plan, index);
  if (plan.heads === undefined || made === 'rows' || made === 'queries') {
    const rows = rowsOfY(plan, suffix);
    return { binding: rows.binding, functions: finish(plan, suffix, rows, turned) };
  }
  const { cache } = plan.heads;
  const name = made === 'keys' ? 'k_cache' : 'v_cache';
  const binding = buffer(name, cache, 'read_write');
  const store = (value: string) => `store_${name}(row, column, ${value});`;
  return {
    binding,
    functions: [...storeFunctions(plan.heads, name), ...finish(plan, suffix, { binding, store }, turned)],
  };
}

/** What all of the heads need. */
export function headsParts(heads: ProductHeadsPlan | undefined) {
  if (heads === undefined) return { doc: [], constants: {}, bindings: [], functions: [], enables: [] };
  const { kvHeads, headDim, valueDim, rotation, cache, cacheLayout } = heads;
  const rows = cacheRows(cacheLayout);
  const constants: Readonly<Record<string, Constant>> = {
    KV_HEADS: u32c(kvHeads),
    HEAD_DIM: u32c(headDim),
    VALUE_DIM: u32c(valueDim),
    ...(rotation && { ROTARY_DIM: u32c(rotation.dim) }),
    ...rows.constants,
  };
  const bindings: readonly Binding[] = [
    ...(rotation ? [buffer('rotations', 'vec2f')] : []),
    ...rows.bindings,
    sequencesBinding,
    stepBinding,
  ];
  return {
    doc: [docOf(heads)],
    constants,
    bindings,
    functions: [positionOf, ...(rotation ? [columnOf(rotation), turnOf(heads)] : [])],
    enables: enablesFor(cache),
  };
}

function docOf({ makes, rotation }: ProductHeadsPlan): string {
  const names = (wanted: readonly string[]) =>
    makes
      .flatMap((made, index) => (wanted.includes(made) ? `y${index === 0 ? '' : `_${index + 1}`}` : []))
      .join(' and ');
  const turned = rotation ? `${names(['queries', 'keys'])} are turned by their position, ` : '';
  return `${turned}${names(['keys', 'values'])} become rows of the caches, where cache_row says`;
}

const positionOf = wgsl`
  fn position_of(row: u32) -> u32 {
    return sequences[row / step.tokens].past + row % step.tokens;
  }`;

const columnOf = ({ pairing }: NonNullable<ProductHeadsPlan['rotation']>): string =>
  pairing === 'interleaved'
    ? wgsl`
        fn column_of(slot: u32) -> u32 {
          return slot;
        }`
    : wgsl`
        /** Of two slots side by side the second has the entry that is turned with the first one's. */
        fn column_of(slot: u32) -> u32 {
          let e = slot % HEAD_DIM;
          if (e >= ROTARY_DIM) {
            return slot;
          }
          return slot - e + e / 2u + e % 2u * (ROTARY_DIM / 2u);
        }`;

const turnOf = ({ headDim, rotation }: ProductHeadsPlan): string => wgsl`
  /** What the entry of a slot is multiplied with, and its partner. */
  fn turn_of(row: u32, slot: u32) -> vec2f {
    let e = slot % HEAD_DIM;
    ${rotation?.dim === headDim ? '' : 'if (e >= ROTARY_DIM) {\n  return vec2f(1.0, 0.0);\n}'}
    let turn = rotations[position_of(row) * (ROTARY_DIM / 2u) + e / 2u];
    return select(turn, vec2f(turn.x, -turn.y), e % 2u == 0u);
  }`;

function storeFunctions({ cache, cacheLayout }: ProductHeadsPlan, name: 'k_cache' | 'v_cache'): readonly string[] {
  const width = name === 'k_cache' ? 'HEAD_DIM' : 'VALUE_DIM';
  const store = wgsl`
    fn store_${name}(row: u32, column: u32, value: f32) {
      let batch = row / step.tokens;
      if (row % step.tokens >= sequences[batch].count) {
        return;
      }
      let stored_row = cache_row(batch, column / ${width}, position_of(row));
      ${name}[stored_row * ${width} + column % ${width}] = ${cache === 'f16' ? 'f16(value)' : 'value'};
    }`;
  return [...cacheRows(cacheLayout).functions, store];
}
