import type { AttentionMatrixPlan } from '../../../plan/attention/kernel-plan.ts';
import { u32c } from '../../kernel.ts';
import { fourFrom, wgsl } from '../../wgsl.ts';
import { type AttentionParts, memorySlot } from './attention.ts';
import { piecesOf, storedType } from './columns.ts';
import { restBits } from './matrix-queries.ts';
import { askReference } from './matrix-reference.ts';
import { type Name, readsOf, splitsPrefix, widthOf } from './matrix-tile.ts';

/** Where the columns begin that the tiles of the sequence hold. */
export const sequenceStart = (plan: AttentionMatrixPlan): string => (splitsPrefix(plan) ? 'PREFIX_COLUMNS' : '0u');

export const prefixConstants = (plan: AttentionMatrixPlan) =>
  splitsPrefix(plan) && { TILE_SLOTS: u32c(plan.tileKeys / 2, 'columns of the prefix in a tile'), ...restBits };

/**
 * Tiles of the prefix hold what f16 has of each key and value, and behind these what it leaves: the scores of both are added, and the
 * weight of a column is that of both of its values.
 */
export function prefixFunctions(plan: AttentionMatrixPlan, { form }: AttentionParts): readonly string[] {
  if (!splitsPrefix(plan)) return [];
  const logits = form === 'any' || !seesPrefix(plan) ? [anyLogits] : seenLogits(form);
  return [heldOrRest, prefixFetcher('keys', plan), prefixFetcher('values', plan), ...logits, maximumOf, weigh(plan)];
}

/** Every row sees all of the prefix. */
export const seesPrefix = ({ mask }: AttentionMatrixPlan): boolean =>
  mask.where === undefined && (mask.window === undefined || mask.memoryVisible === 'always');

/** From four sums of products to visible logits, in log2. */
export const logitsOfSums = {
  plain: 'return sums * SCALE_LOG2E;',
  capped: wgsl`
    // cap · tanh(x / cap): its absolute error is what counts, so one exponential will do for small x too. From 2³⁰ on tanh is 1. One
    // division serves four logits: that of the product of what each is divided by.
    let divisors = 1.0 + exp2(min(sums * CAP_RATE, vec4f(30)));
    let pairs = divisors.xz * divisors.yw;
    let others = pairs.yx / (pairs.x * pairs.y);
    return CAP_LOG2E - 2.0 * CAP_LOG2E * others.xxyy * divisors.yxwz;`,
} as const;

/** By bits: compilers take a conversion to f16 and back for nothing. */
const heldOrRest = wgsl`
  /** Four entries as f16 has them, or what it leaves of them. */
  fn held_or_rest(value: vec4f, is_rest: bool) -> vec2u {
    let held = bitcast<vec4f>(bitcast<vec4u>(value) & vec4u(~REST_BITS));
    return bitcast<vec2u>(vec4h(select(held, value - held, is_rest)));
  }`;

/** `fn fetch_prefix_keys(lane, kv_head, first_column) -> HeldKeys`, and the same for values: a lane's share of a tile. */
function prefixFetcher(name: Name, plan: AttentionMatrixPlan): string {
  const { columns, loadEntries, threads } = plan;
  const source = name === 'keys' ? 'k' : 'v';
  const held = name === 'keys' ? 'HeldKeys' : 'HeldValues';
  const pieces = piecesOf(plan, widthOf(name, plan));
  const type = storedType(plan);
  const quad = (index: string) => `held_or_rest(load_memory_${source}(slot, ${index}), is_rest)`;
  const isOutside = [
    `piece >= ${Math.ceil(widthOf(name, plan) / loadEntries)}u`,
    ...(columns.zero > 0 ? ['column < ZERO_COLUMNS'] : []),
    'column >= PREFIX_COLUMNS',
  ].join(' || ');
  return wgsl`
    fn memory_${name}(kv_head: u32, column: u32, piece: u32, is_rest: bool) -> ${type} {
      if (${isOutside}) {
        return ${type}(0);
      }
      let slot = ${memorySlot(plan)};
      return ${loadEntries === 8 ? `vec4u(${quad('2u * piece')}, ${quad('2u * piece + 1u')})` : quad('piece')};
    }

    fn fetch_prefix_${name}(lane: u32, kv_head: u32, first_column: u32) -> ${held} {
      var held: ${held};
      for (var n = 0u; n < ${Math.ceil(readsOf(name, plan) / threads)}u; n++) {
        let index = lane + n * THREADS;
        let row = index / ${pieces}u;
        held[n] = memory_${name}(kv_head, first_column + row % TILE_SLOTS, index % ${pieces}u, row >= TILE_SLOTS);
      }
      return held;
    }`;
}

/** The scores of both parts of four columns. */
const sums = wgsl`
  let at = place.row % ROWS * SCORE_PITCH + quad % (TILE_QUADS / 2u);
  let sums = scores[at] + scores[at + TILE_QUADS / 2u];`;

const seenLogits = (form: 'plain' | 'capped') => [
  wgsl`
    fn logits_of(sums: vec4f) -> vec4f {
      ${logitsOfSums[form]}
    }`,
  wgsl`
    /** Logits of four columns of the prefix, MASKED where there are no more. */
  fn prefix_logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
      ${sums}
      let columns = ${fourFrom('first_column + 4u * quad')};
      return select(vec4f(MASKED), logits_of(sums), columns < vec4u(PREFIX_COLUMNS));
    }`,
];

const anyLogits = wgsl`
  /** Logits of four columns of the prefix, MASKED where there are no more. */
  fn prefix_logits_at(place: Place, first_column: u32, quad: u32) -> vec4f {
    ${sums}
    let sequence = sequences[place.batch];
    var logits = vec4f(MASKED);
    for (var c = 0u; c < 4u; c++) {
      let column = first_column + 4u * quad + c;
      if (column < PREFIX_COLUMNS) {
        logits[c] = logit(sums[c] * SCALE, sequence, place.batch, place.head, place.token, column);
      }
    }
    return logits;
  }`;

const maximumOf = wgsl`
  /** The largest logit that a row has among these columns. */
  fn prefix_maximum_of(place: Place, first_column: u32) -> f32 {
    var maxima = vec4f(MASKED);
    for (var i = 0u; i < QUADS_EACH / 2u; i++) {
      maxima = max(maxima, prefix_logits_at(place, first_column, i * ROW_LANES + place.row_lane));
    }
    return maximum_in_row(maxima);
  }`;

const weigh = ({ reference }: AttentionMatrixPlan) => wgsl`
  /** As weigh: both parts of a value have the weight of its column. */
  fn weigh_prefix(place: Place, first_column: u32, state: ptr<function, State>) {
    ${reference === 'fixed' ? askReference('prefix_maximum_of(place, first_column)') : ''}
    let reference = max((*state).reference, LOWEST);
    var sum = vec4f(0);
    for (var i = 0u; i < QUADS_EACH / 2u; i++) {
      let quad = i * ROW_LANES + place.row_lane;
      let exponents = prefix_logits_at(place, first_column, quad) - reference;
      sum += weigh_quad(place, quad, exponents);
      weigh_quad(place, quad + TILE_QUADS / 2u, exponents);
    }
    (*state).sum += dot(sum, vec4f(1));
  }`;

/** Where columns are dealt into parts, the first of these has the prefix. */
const prefixEnd = ({ inParts }: AttentionMatrixPlan) =>
  inParts ? 'select(0u, PREFIX_COLUMNS, part == 0u)' : 'PREFIX_COLUMNS';

/** Raises the reference to the maximum over the prefix. */
export const prefixMaxima = (plan: AttentionMatrixPlan, multiplyKeys: string): string => wgsl`
  for (var column = 0u; column < ${prefixEnd(plan)}; column += TILE_SLOTS) {
    store_keys(lane, fetch_prefix_keys(lane, kv_head, column));
    workgroupBarrier();
    ${multiplyKeys}
    workgroupBarrier();
    state.reference = max(state.reference, prefix_maximum_of(place, column));
  }`;

export const walkPrefix = (plan: AttentionMatrixPlan, multiplyKeys: string, multiplyValues: string): string => wgsl`
  // Columns before the sequence, TILE_SLOTS in a tile: what f16 has of them, and behind these what it leaves.
  for (var column = 0u; column < ${prefixEnd(plan)}; column += TILE_SLOTS) {
    let prefix_keys = fetch_prefix_keys(lane, kv_head, column);
    let prefix_values = fetch_prefix_values(lane, kv_head, column);
    store_keys(lane, prefix_keys);
    store_values(lane, prefix_values);
    workgroupBarrier();
    ${multiplyKeys}
    workgroupBarrier();
    weigh_prefix(place, column, &state);
    workgroupBarrier();
    ${multiplyValues}
    workgroupBarrier();
  }`;
