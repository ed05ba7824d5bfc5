import type { AttentionSplitPlan } from '../../../plan/attention/kernel-plan.ts';
import { quads } from '../../../plan/extents.ts';
import { type KernelSource, u32c } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';
import { attentionParts, similarityOfOne } from './attention.ts';
import { attentionText, withAxes } from './doc.ts';
import { nextTile } from './masks.ts';
import { partialBindings } from './partials.ts';

/**
 * Attention for one token of each sequence, split over the keys (as in Flash-Decoding). All query heads of a KV head are
 * served by one workgroup, so its keys and values come from memory once.
 */
export function attentionSplit(plan: AttentionSplitPlan): KernelSource {
  const skipping = nextTile(plan, 'PART_COLUMNS');
  const parts = attentionParts(plan);
  const isPartial = plan.active !== undefined;
  const members = isPartial ? 'members' : 'QUERIES_PER_KV';
  return {
    doc: [
      `Attention for one token: ${attentionText(plan)}`,
      'A workgroup takes all query heads of one KV head over a part of the key columns and leaves, for each head, the maximum,',
      'the sum of exponentials and the unnormalised output; attention_combine joins the parts.',
    ].join('\n'),
    enables: parts.enables,
    constants: {
      ...parts.constants,
      PART_COLUMNS: u32c(plan.partColumns, 'one for each lane'),
      HEAD_BLOCK: u32c(plan.headBlock, 'query heads at a time'),
      KEY_SLICES: u32c(
        Math.floor(plan.partColumns / quads(plan.valueDim)),
        'lanes of a slice take the quads of a value',
      ),
    },
    bindings: withAxes(plan, [
      ...parts.queries.bindings,
      ...parts.keys.bindings,
      ...parts.values.bindings,
      ...parts.logits.bindings,
      ...parts.groups.bindings,
      ...partialBindings('read_write'),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...parts.queries.functions,
      ...parts.keys.functions,
      ...parts.values.functions,
      ...parts.logits.functions,
      ...(skipping === undefined ? [] : [skipping]),
      ...parts.groups.functions,
      similarityOfOne(plan),
    ],
    body: wgsl`
      let part = group.x;
      let kv_head = group.y;
      let batch = group.z;
      let sequence = sequences[batch];
      let columns = visible_columns(sequence, 0u);
      let first_column = part * PART_COLUMNS;
      let column = first_column + lane;
      ${skipping === undefined ? allColumns : columnsInReach}
      ${isPartial ? `let members = ${parts.groups.members};` : ''}
      let value_quad = lane % VALUE_QUADS;
      let key_slice = lane / VALUE_QUADS;

      for (var first_member = 0u; first_member < ${members}; first_member += HEAD_BLOCK) {
        // Scores: one key column for each lane, all heads of the block.
        var block_scores = array<f32, HEAD_BLOCK>();
        if (lane < count) {
          for (var quad = 0u; quad < HEAD_QUADS; quad++) {
            let key = key_at(batch, kv_head, column, quad);
            for (var h = 0u; h < HEAD_BLOCK; h++) {
              let head = query_head(kv_head, min(first_member + h, ${members} - 1u));
              block_scores[h] += similarity(load_q(batch * Q_HEADS + head, quad), key);
            }
          }
        }
        workgroupBarrier();
        for (var h = 0u; h < HEAD_BLOCK; h++) {
          ${parts.plain ? plainLogit : fullLogit(members)}
        }
        workgroupBarrier();

        // Softmax within the part: one lane finds each head's maximum, all lanes take their exponential.
        if (lane < HEAD_BLOCK) {
          var maximum = MASKED;
          for (var key = 0u; key < PART_COLUMNS; key++) {
            maximum = max(maximum, scores[lane * PART_COLUMNS + key]);
          }
          maxima[lane] = maximum;
        }
        workgroupBarrier();
        for (var h = 0u; h < HEAD_BLOCK; h++) {
          scores[h * PART_COLUMNS + lane] = select(exp2(scores[h * PART_COLUMNS + lane] - maxima[h]), 0.0, scores[h * PART_COLUMNS + lane] <= MASKED);
        }
        workgroupBarrier();

        // Outputs: a lane takes one quad of the value width over every KEY_SLICES-th key.
        var outputs = array<vec4f, HEAD_BLOCK>();
        if (key_slice < KEY_SLICES) {
          for (var key = key_slice; key < count; key += KEY_SLICES) {
            let value = value_at(batch, kv_head, first_column + key, value_quad);
            for (var h = 0u; h < HEAD_BLOCK; h++) {
              outputs[h] += scores[h * PART_COLUMNS + key] * value;
            }
          }
        }
        for (var h = 0u; h < HEAD_BLOCK; h++) {
          slices[h * PART_COLUMNS + lane] = outputs[h];
        }
        workgroupBarrier();

        for (var index = lane; index < HEAD_BLOCK * VALUE_QUADS; index += PART_COLUMNS) {
          let h = index / VALUE_QUADS;
          let quad = index % VALUE_QUADS;
          if (first_member + h < ${members}) {
            var sum = vec4f(0);
            for (var slice = 0u; slice < KEY_SLICES; slice++) {
              sum += slices[h * PART_COLUMNS + slice * VALUE_QUADS + quad];
            }
            let partial = (batch * Q_HEADS + query_head(kv_head, first_member + h)) * groups.x + part;
            partial_outputs[partial * VALUE_QUADS + quad] = sum;
          }
        }
        if (lane < HEAD_BLOCK && first_member + lane < ${members}) {
          var sum = 0.0;
          for (var key = 0u; key < PART_COLUMNS; key++) {
            sum += scores[lane * PART_COLUMNS + key];
          }
          let partial = (batch * Q_HEADS + query_head(kv_head, first_member + lane)) * groups.x + part;
          partial_sums[partial] = vec2f(maxima[lane], sum);
        }
      }`,
  };
}

const allColumns = 'let count = min(PART_COLUMNS, columns - min(columns, first_column));';

/** A part that the masks hide as a whole is not read. */
const columnsInReach = wgsl`
  let is_hidden = next_tile(sequence, 0u, first_column) != first_column;
  let count = select(min(PART_COLUMNS, columns - min(columns, first_column)), 0u, is_hidden);`;

const plainLogit = 'scores[h * PART_COLUMNS + lane] = select(MASKED, block_scores[h] * SCALE_LOG2E, column < columns);';

const fullLogit = (members: string) => wgsl`
  let head = query_head(kv_head, min(first_member + h, ${members} - 1u));
  scores[h * PART_COLUMNS + lane] = logit(block_scores[h] * SCALE, sequence, batch, head, 0u, column);`;
