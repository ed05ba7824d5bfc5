import type { AttentionTilePlan } from '../../plan/kernel-plan.ts';
import { type KernelSource, u32c } from '../kernel.ts';
import { rowStorer, rowsOutBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';
import { attentionParts, keepsVisibleTokens, rowOf, similarityOfFour } from './attention.ts';
import { silenceRows } from './attention-heads.ts';
import { nextTile } from './attention-masks.ts';

/**
 * Variables of a loop's body are given a value even where WGSL would zero them: some drivers keep the last turn's.
 * Online softmax (Milakov & Gimelshein 2018; FlashAttention). An invocation holds `ROWS_EACH` rows of scores for four
 * keys of the tile, and the same rows of the output for every `KEY_LANES`-th quad of the value width.
 */
export function attentionTile(plan: AttentionTilePlan): KernelSource {
  const parts = attentionParts(plan);
  const isPartial = plan.active !== undefined;
  const members = isPartial ? 'members' : 'QUERIES_PER_KV';
  const zeroHidden = plan.mask.padding === 'keys_and_queries';
  const skipping = nextTile(plan, 'TILE_KEYS');
  const skip = (column: string) => (skipping === undefined ? column : `next_tile(sequence, first_token, ${column})`);
  return {
    doc: [
      'Attention for many tokens. Rows are (token, query head of one KV head), so a group shares its keys and values.',
      `A workgroup holds ${plan.tileRows} rows and walks over tiles of ${plan.tileKeys} key columns, up to the last visible one.`,
    ].join('\n'),
    enables: parts.enables,
    constants: {
      ...parts.constants,
      TILE_ROWS: u32c(plan.tileRows),
      TILE_KEYS: u32c(plan.tileKeys),
      TILE_PITCH: u32c(plan.tilePitch),
      ROW_PITCH: u32c(plan.keyLanes + 1),
      THREADS: u32c(plan.threads),
      KEY_LANES: u32c(plan.keyLanes),
      ROW_LANES: u32c(plan.rowLanes),
      ROWS_EACH: u32c(plan.rowsEach),
      VALUE_QUADS_EACH: u32c(plan.valueQuadsEach),
    },
    bindings: [
      ...parts.queries.bindings,
      ...parts.keys.bindings,
      ...parts.values.bindings,
      ...parts.logits.bindings,
      ...parts.groups.bindings,
      ...(plan.sinks ? [{ name: 'sinks', access: 'read', type: 'array<f32>' } as const] : []),
      rowsOutBinding('out', plan.valueDim),
      ...parts.perCall,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...parts.queries.functions,
      ...parts.keys.functions,
      ...parts.values.functions,
      ...parts.logits.functions,
      ...parts.groups.functions,
      similarityOfFour(plan),
      ...(zeroHidden ? [keepsVisibleTokens] : []),
      ...(skipping === undefined ? [] : [skipping]),
      rowStorer('out', plan.valueDim),
      loadTile('key', keyOfRow),
      loadTile('value', 'row'),
      rowOf(members),
      foldOfLanes,
    ],
    body: wgsl`
      let kv_head = group.y;
      let batch = group.z;
      let sequence = sequences[batch];
      let first_row = group.x * TILE_ROWS;
      let key_lane = lane % KEY_LANES;
      let row_lane = lane / KEY_LANES;
      ${isPartial ? `let members = ${parts.groups.members};` : ''}
      ${isPartial ? silenceRows : ''}
      let last_token = min(first_row + TILE_ROWS - 1u, step.tokens * ${members} - 1u) / ${members};
      let columns = visible_columns(sequence, last_token);

      var maxima: array<f32, ROWS_EACH>;
      var sums: array<f32, ROWS_EACH>;
      var outputs: array<array<vec4f, VALUE_QUADS_EACH>, ROWS_EACH>;
      var rows: array<Row, ROWS_EACH>;
      for (var r = 0u; r < ROWS_EACH; r++) {
        rows[r] = row_of(first_row + row_lane + r * ROW_LANES, batch, kv_head${isPartial ? ', members' : ''});
        ${plan.sinks ? startAtSink : 'maxima[r] = MASKED;'}
      }

      ${skipping === undefined ? '' : `let first_token = first_row / ${members};`}
      for (var first_column = ${skip('0u')}; first_column < columns; first_column = ${skip('first_column + TILE_KEYS')}) {
        workgroupBarrier();
        load_key_tile(lane, batch, kv_head, first_column, columns);
        workgroupBarrier();

        // Scores of four neighbouring keys for each row.
        var scores = array<vec4f, ROWS_EACH>();
        for (var quad = 0u; quad < HEAD_QUADS; quad++) {
          let keys = mat4x4f(
            tile[key_lane * TILE_PITCH + quad],
            tile[(key_lane + KEY_LANES) * TILE_PITCH + quad],
            tile[(key_lane + 2u * KEY_LANES) * TILE_PITCH + quad],
            tile[(key_lane + 3u * KEY_LANES) * TILE_PITCH + quad],
          );
          for (var r = 0u; r < ROWS_EACH; r++) {
            scores[r] += similarity(load_q(rows[r].index, quad), keys);
          }
        }
        let key_columns = vec4u(first_column + 4u * key_lane) + vec4u(0, 1, 2, 3);
        for (var r = 0u; r < ROWS_EACH; r++) {
          ${parts.plain ? plainLogits : fullLogits}
          let pairs = max(scores[r].xy, scores[r].zw);
          lanes[(row_lane + r * ROW_LANES) * KEY_LANES + key_lane] = max(pairs.x, pairs.y);
        }
        workgroupBarrier();

        load_value_tile(lane, batch, kv_head, first_column, columns);
        for (var r = 0u; r < ROWS_EACH; r++) {
          let tile_row = row_lane + r * ROW_LANES;
          let maximum = max(maxima[r], max_of_lanes(tile_row));
          let rescale = exp2(maxima[r] - maximum);
          let masked = scores[r] <= vec4f(MASKED);
          let weights = select(exp2(scores[r] - vec4f(maximum)), vec4f(0), masked);
          maxima[r] = maximum;
          sums[r] = sums[r] * rescale + dot(weights, vec4f(1));
          probabilities[tile_row * ROW_PITCH + key_lane] = weights;
          for (var q = 0u; q < VALUE_QUADS_EACH; q++) {
            outputs[r][q] *= rescale;
          }
        }
        workgroupBarrier();

        for (var keys = 0u; keys < KEY_LANES; keys++) {
          var weights = array<vec4f, ROWS_EACH>();
          for (var r = 0u; r < ROWS_EACH; r++) {
            weights[r] = probabilities[(row_lane + r * ROW_LANES) * ROW_PITCH + keys];
          }
          for (var c = 0u; c < 4u; c++) {
            for (var q = 0u; q < VALUE_QUADS_EACH; q++) {
              let value = tile[(4u * keys + c) * TILE_PITCH + min(key_lane + q * KEY_LANES, VALUE_QUADS - 1u)];
              for (var r = 0u; r < ROWS_EACH; r++) {
                outputs[r][q] += weights[r][c] * value;
              }
            }
          }
        }
      }

      workgroupBarrier();
      for (var r = 0u; r < ROWS_EACH; r++) {
        lanes[(row_lane + r * ROW_LANES) * KEY_LANES + key_lane] = sums[r];
      }
      workgroupBarrier();
      for (var r = 0u; r < ROWS_EACH; r++) {
        let tile_row = row_lane + r * ROW_LANES;
        if (first_row + tile_row >= step.tokens * ${members}) {
          continue;
        }
        let sum = sum_of_lanes(tile_row);
        let factor = select(0.0, 1.0 / sum, sum > 0.0${zeroHidden ? ' && keeps(batch, sequence, rows[r].token)' : ''});
        for (var q = 0u; q < VALUE_QUADS_EACH; q++) {
          let quad = key_lane + q * KEY_LANES;
          if (quad < VALUE_QUADS) {
            store_out(rows[r].index, quad, outputs[r][q] * factor);
          }
        }
      }`,
  };
}

/** A sink is a logit that all rows of its head start with, and that has no value. */
const startAtSink = wgsl`
  maxima[r] = sinks[rows[r].head] * LOG2E;
  sums[r] = select(0.0, 1.0, key_lane == 0u);`;

const plainLogits = wgsl`
  let hidden = key_columns >= vec4u(visible_columns(sequence, rows[r].token));
  scores[r] = select(scores[r] * SCALE_LOG2E, vec4f(MASKED), hidden);`;

const fullLogits = wgsl`
  for (var c = 0u; c < 4u; c++) {
    scores[r][c] = logit(scores[r][c] * SCALE, sequence, batch, rows[r].head, rows[r].token, key_columns[c]);
  }`;

/** Keys stand in the tile so that lanes side by side, which take four neighbouring keys each, read rows side by side. */
const keyOfRow = 'row % KEY_LANES * 4u + row / KEY_LANES';

/** Row by row of the tile; `column` says which key or value of the tile a row holds. */
function loadTile(name: 'key' | 'value', column: string): string {
  const widthQuads = name === 'key' ? 'HEAD_QUADS' : 'VALUE_QUADS';
  return wgsl`
    fn load_${name}_tile(lane: u32, batch: u32, kv_head: u32, first_column: u32, columns: u32) {
      for (var index = lane; index < TILE_KEYS * ${widthQuads}; index += THREADS) {
        let row = index / ${widthQuads};
        let quad = index % ${widthQuads};
        let column = first_column + ${column};
        var entries = vec4f(0);
        if (column < columns) {
          entries = ${name}_at(batch, kv_head, column, quad);
        }
        tile[row * TILE_PITCH + quad] = entries;
      }
    }`;
}

const foldOfLanes = wgsl`
  fn max_of_lanes(tile_row: u32) -> f32 {
    var result = MASKED;
    for (var other = 0u; other < KEY_LANES; other++) {
      result = max(result, lanes[tile_row * KEY_LANES + other]);
    }
    return result;
  }

  fn sum_of_lanes(tile_row: u32) -> f32 {
    var result = 0.0;
    for (var other = 0u; other < KEY_LANES; other++) {
      result += lanes[tile_row * KEY_LANES + other];
    }
    return result;
  }`;
