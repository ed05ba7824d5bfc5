import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { u32c } from '../../kernel.ts';
import { repeat, wgsl } from '../../wgsl.ts';
import { columnEntries, columnScale, piecesOf, storedType } from './columns.ts';

export type Name = 'keys' | 'values';

export const widthOf = (name: Name, plan: AttentionMatrixPlan) => (name === 'keys' ? plan.headDim : plan.valueDim);

/**
 * Memory is given as f32, which f16 does not hold: columns before the sequence are walked over by themselves then, in two parts each.
 */
export const splitsPrefix = ({ columns }: AttentionMatrixPlan): boolean => columns.memory > 0;

/** How many reads make a tile. */
export const readsOf = (name: Name, plan: AttentionMatrixPlan) => plan.tileKeys * piecesOf(plan, widthOf(name, plan));

/** Of arrays in workgroup memory. */
export const rowPitch = 'quads from one row to the next';

export const tileConstants = (plan: AttentionMatrixPlan) => ({
  TILE_KEYS: u32c(plan.tileKeys),
  KEY_PITCH: u32c(plan.keyPitch, rowPitch),
  VALUE_PITCH: u32c(plan.valuePitch, rowPitch),
});

/** Keys of int8 are multiplied as the integers that they are, which f16 holds, and their scores are scaled, by column. */
export const scalesScores = ({ keys }: AttentionMatrixPlan): boolean => keys === 'int8';

/** Rows of int8 are scaled when they are stored, so that their reads are under way until then. */
const isScaled = (name: Name, plan: AttentionMatrixPlan) => plan.keys === 'int8' && name === 'values';

/** What a lane keeps of a read. */
function heldType(name: Name, plan: AttentionMatrixPlan): string {
  if (isScaled(name, plan)) return plan.loadEntries === 8 ? 'vec3u' : 'vec2u';
  return storedType(plan);
}

/**
 * `fn fetch_keys(lane, batch, kv_head, first_column, columns) -> HeldKeys`, and the same for values: a lane's share of a tile,
 * entries in whole blocks, zero beyond the width. Columns beyond the last visible one repeat it, so that nothing unwritten is
 * multiplied: they are masked. `fn store_keys(lane, held)` puts it into workgroup memory.
 */
export function tileFetcher(name: Name, plan: AttentionMatrixPlan): string {
  const pieces = piecesOf(plan, widthOf(name, plan));
  const held = name === 'keys' ? 'HeldKeys' : 'HeldValues';
  const count = Math.ceil(readsOf(name, plan) / plan.threads);
  const scaled = isScaled(name, plan);
  const entries = `${name}_entries(batch, kv_head, column, index % ${pieces}u)`;
  const splits = splitsPrefix(plan);
  const column = `min(first_column + index / ${pieces}u, columns - 1u)`;
  const scale = `bitcast<u32>(${name}_scale(batch, kv_head, column))`;
  return wgsl`
    alias ${held} = array<${heldType(name, plan)}, ${count}>;

    ${columnEntries(name, plan, pieces, splits ? 'absent' : 'rounded')}
    ${plan.keys === 'int8' ? `\n${columnScale(name, plan)}` : ''}

    /** A lane's share of a tile of ${name}. Columns beyond the last visible one repeat it: they are hidden. */
    fn fetch_${name}(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32) -> ${held} {
      var held: ${held};
      for (var n = 0u; n < ${count}u; n++) {
        let index = lane + n * THREADS;
        let column = ${splits ? `max(PREFIX_COLUMNS, ${column})` : column};
        held[n] = ${scaled ? `${heldType(name, plan)}(${entries}, ${scale})` : entries};
      }
      return held;
    }

    /** Into workgroup memory. */
    fn store_${name}(lane: u32, held: ${held}) {
      for (var n = 0u; n < ${count}u; n++) {
        let index = lane % THREADS + n * THREADS;
        ${stored(name, plan, pieces)}
      }
    }`;
}

function stored(name: Name, plan: AttentionMatrixPlan, pieces: number): string {
  const { threads, loadEntries } = plan;
  const reads = readsOf(name, plan);
  const pitch = name === 'keys' ? 'KEY_PITCH' : 'VALUE_PITCH';
  const quads = plan.keys !== 'int8' ? halfQuads : isScaled(name, plan) ? int8Quads : integerQuads;
  const store = wgsl`
    let at = index / ${pieces}u * ${pitch} + index % ${pieces}u * ${loadEntries / 4}u;
    ${repeat(loadEntries / 4, (q) => `${name}[at + ${q}u] = ${quads[loadEntries][q]};`)}`;
  if (reads % threads === 0) return store;
  return wgsl`
    if (index < ${reads}u) {
      ${store}
    }`;
}

/** Four entries of `held[n]` each. */
const halfQuads = {
  4: ['bitcast<vec4h>(held[n])'],
  8: ['bitcast<vec4h>(held[n].xy)', 'bitcast<vec4h>(held[n].zw)'],
} as const;

const integerQuads = {
  4: ['signed_halves(held[n])'],
  8: ['signed_halves(held[n].x)', 'signed_halves(held[n].y)'],
} as const;

/** The scale comes last. */
const int8Quads = {
  4: ['vec4h(bitcast<f32>(held[n].y) * signed_bytes(held[n].x))'],
  8: [
    'vec4h(bitcast<f32>(held[n].z) * signed_bytes(held[n].x))',
    'vec4h(bitcast<f32>(held[n].z) * signed_bytes(held[n].y))',
  ],
} as const;

/**
 * `fn fetch_scales(lane, batch, kv_head, first_column, columns) -> vec4f`: of four columns of a tile, for the first lanes. `store_scales`
 * puts them beside those of the tile whose scores are being weighed: `turn` says where these are.
 */
export const keyScales: readonly string[] = [
  wgsl`
    fn fetch_scales(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32) -> vec4f {
      var scales = vec4f(0);
      if (lane < TILE_QUADS) {
        for (var c = 0u; c < 4u; c++) {
          scales[c] = keys_scale(batch, kv_head, min(first_column + 4u * lane + c, columns - 1u));
        }
      }
      return scales;
    }`,
  wgsl`
    fn store_scales(lane: u32, turn: u32, scales: vec4f) {
      if (lane < TILE_QUADS) {
        key_scales[turn % 2u * TILE_QUADS + lane] = scales;
      }
    }`,
];
