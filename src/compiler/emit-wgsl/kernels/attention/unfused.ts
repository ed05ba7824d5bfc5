import type {
  AttentionScoresPlan,
  AttentionSoftmaxPlan,
  AttentionValuesPlan,
  HeadMixPlan,
} from '../../../plan/attention/kernel-plan.ts';
import { foldOfLanes } from '../../fold.ts';
import { floats, type KernelSource, stepBinding, u32c } from '../../kernel.ts';
import { keyOf } from '../../ordered-key.ts';
import { rowStorer, rowsOutBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { attentionParts, keepsVisibleTokens, similarityOfOne } from './attention.ts';
import { withAxes } from './doc.ts';
import { activityParts, kvHeadOf } from './heads.ts';

/*
 * Attention in separate steps, for options that need all heads or a whole row at once. Scores and patterns are
 * [batch, query head, token, key column].
 */

const isNotActive = ({ active }: AttentionScoresPlan) => (active === undefined ? '' : ' || !is_active(head)');

const silentHead = wgsl`
  if (!is_active(head)) {
    store_out((batch * step.tokens + token) * Q_HEADS + head, quad, vec4f(0));
    return;
  }`;

/** One invocation per query, head and key column. */
export function attentionScores(plan: AttentionScoresPlan): KernelSource {
  const parts = attentionParts(plan);
  const activity = activityParts(plan.active, plan.heads.qHeads);
  return {
    doc: 'scores = scale · similarity of every query with every key column',
    enables: parts.enables,
    constants: parts.constants,
    bindings: withAxes(plan, [
      ...parts.queries.bindings,
      ...parts.keys.bindings,
      ...activity.bindings,
      floats('scores', 'read_write'),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [...activity.functions, ...parts.queries.functions, ...parts.keys.functions, similarityOfOne(plan)],
    body: wgsl`
      let columns = PREFIX_COLUMNS + step.keys;
      let column = group.x * ${plan.threads}u + lane;
      let token = group.y;
      let head = group.z % Q_HEADS;
      let batch = group.z / Q_HEADS;
      let sequence = sequences[batch];
      if (column >= columns${isNotActive(plan)}) {
        return;
      }
      var score = 0.0;
      if (column < PREFIX_COLUMNS + sequence.past + sequence.count) {
        let kv_head = ${kvHeadOf(plan.heads)};
        for (var quad = 0u; quad < HEAD_QUADS; quad++) {
          score += similarity(load_q((batch * step.tokens + token) * Q_HEADS + head, quad), key_at(batch, kv_head, column, quad));
        }
      }
      scores[((batch * Q_HEADS + head) * step.tokens + token) * columns + column] = score * SCALE;`,
  };
}

/** One invocation per head and entry of [token, key column]. */
export function headMix(plan: HeadMixPlan): KernelSource {
  const results = { add: 'source[at] + mixed', plain: 'mixed', multiply: 'factors[at] * mixed' };
  const formulas = {
    add: 'source + weight · source',
    plain: 'weight · source',
    multiply: 'factors · (weight · source)',
  };
  return {
    doc: `mixed = ${formulas[plan.mode]}, over query heads`,
    enables: [],
    constants: { HEADS: u32c(plan.heads), PREFIX_COLUMNS: u32c(plan.prefixColumns) },
    bindings: [
      floats('source'),
      floats('weight'),
      ...(plan.mode === 'multiply' ? [floats('factors')] : []),
      floats('mixture', 'read_write'),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [],
    body: wgsl`
      let columns = PREFIX_COLUMNS + step.keys;
      let column = group.x * ${plan.threads}u + lane;
      let head = group.z % HEADS;
      let entries = step.tokens * columns;
      let first = group.z / HEADS * HEADS * entries;
      if (column >= columns) {
        return;
      }
      let entry = group.y * columns + column;
      var mixed = 0.0;
      for (var other = 0u; other < HEADS; other++) {
        mixed += weight[head * HEADS + other] * source[first + other * entries + entry];
      }
      let at = first + head * entries + entry;
      mixture[at] = ${results[plan.mode]};`,
  };
}

/** One workgroup per row. Each invocation owns every THREADS-th column of it, through all steps. A hidden token's row hides all columns. */
export function attentionSoftmax(plan: AttentionSoftmaxPlan): KernelSource {
  const parts = attentionParts(plan);
  const activity = activityParts(plan.active, plan.heads.qHeads);
  const { normalizer } = plan;
  const sink = plan.sinks && normalizer.kind !== 'sigmoid';
  const hidesRows = plan.mask.padding === 'keys_and_queries';
  const inEdge = normalizer.kind === 'topk' ? ' && key_of(value) >= edge' : '';
  const softmax = wgsl`
    ${sink ? 'let sink = sinks[head] * LOG2E;' : ''}
    let maximum = max_of_lanes(lane, ${sink ? 'max(largest, sink)' : 'largest'});
    ${normalizer.kind === 'topk' ? edgeOfTopK(normalizer.k, sink) : ''}
    var part = 0.0;
    for (var column = lane; column < columns; column += THREADS) {
      let value = pattern[first + column];
      let weight = select(0.0, exp2(value - maximum), value > MASKED${inEdge});
      pattern[first + column] = weight;
      part += weight;
    }
    ${sink ? `part += select(0.0, exp2(sink - maximum), lane == 0u${normalizer.kind === 'topk' ? ' && key_of(sink) >= edge' : ''});` : ''}
    let sum = sum_of_lanes(lane, part);
    let factor = select(0.0, 1.0 / sum, sum > 0.0);
    for (var column = lane; column < columns; column += THREADS) {
      pattern[first + column] *= factor;
    }`;
  const sigmoid = wgsl`
    for (var column = lane; column < columns; column += THREADS) {
      let value = pattern[first + column];
      pattern[first + column] = select(0.0, 1.0 / (1.0 + exp2(-max(value, -120.0))), value > MASKED);
    }`;
  return {
    doc: `pattern = ${normalizer.kind} of the scores, after biases, softcap and masks, row by row`,
    enables: [],
    constants: { ...parts.constants, THREADS: u32c(plan.threads) },
    bindings: withAxes(plan, [
      floats('scores'),
      ...parts.logits.bindings,
      ...activity.bindings,
      ...(sink ? [floats('sinks')] : []),
      floats('pattern', 'read_write'),
      ...(plan.keepsScores ? [floats('kept_scores', 'read_write')] : []),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      ...activity.functions,
      ...parts.logits.functions,
      ...(hidesRows ? [keepsVisibleTokens] : []),
      foldOfLanes('max_of_lanes', plan, 'max'),
      foldOfLanes('sum_of_lanes', plan, 'sum'),
      ...(normalizer.kind === 'topk' ? [keyOf] : []),
    ],
    body: wgsl`
      let columns = PREFIX_COLUMNS + step.keys;
      let head = group.x;
      let token = group.y;
      let batch = group.z;
      let sequence = sequences[batch];
      let first = ((batch * Q_HEADS + head) * step.tokens + token) * columns;
      ${plan.active === undefined ? '' : 'if (!is_active(head)) {\n  return;\n}'}
      var largest = MASKED;
      for (var column = lane; column < columns; column += THREADS) {
        ${hidesRows ? 'var' : 'let'} value = logit(scores[first + column], sequence, batch, head, token, column);
        ${hidesRows ? 'value = select(MASKED, value, keeps(batch, sequence, token));' : ''}
        pattern[first + column] = value;
        ${plan.keepsScores ? 'kept_scores[first + column] = select(MASKED, value / LOG2E, value > MASKED);' : ''}
        largest = max(largest, value);
      }
      ${normalizer.kind === 'sigmoid' ? sigmoid : softmax}`,
  };
}

/** The key of the k-th largest logit of the row, bit by bit; entries that tie with it are all kept. */
function edgeOfTopK(k: number, sink: boolean): string {
  return wgsl`
    var edge = 0u;
    for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
      var count = ${sink ? 'u32(lane == 0u && key_of(sink) >= (edge | bit))' : '0u'};
      for (var column = lane; column < columns; column += THREADS) {
        count += u32(key_of(pattern[first + column]) >= (edge | bit));
      }
      if (u32(sum_of_lanes(lane, f32(count))) >= ${k}u) {
        edge |= bit;
      }
    }`;
}

/** One invocation per query, head and four entries of the value width. */
export function attentionValues(plan: AttentionValuesPlan): KernelSource {
  const parts = attentionParts(plan);
  const activity = activityParts(plan.active, plan.heads.qHeads);
  return {
    doc: 'out = pattern · values',
    enables: parts.enables,
    constants: parts.constants,
    bindings: withAxes(plan, [
      floats('pattern'),
      ...activity.bindings,
      ...parts.values.bindings,
      rowsOutBinding('out', plan.valueDim, plan.out),
      ...parts.perCall,
    ]),
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [...activity.functions, ...parts.values.functions, rowStorer('out', plan.valueDim, plan.out)],
    body: wgsl`
      let columns = PREFIX_COLUMNS + step.keys;
      let index = group.x * ${plan.threads}u + lane;
      let quad = index % VALUE_QUADS;
      let head = index / VALUE_QUADS;
      let token = group.y;
      let batch = group.z;
      let sequence = sequences[batch];
      if (head >= Q_HEADS) {
        return;
      }
      ${plan.active === undefined ? '' : silentHead}
      let kv_head = ${kvHeadOf(plan.heads)};
      let first = ((batch * Q_HEADS + head) * step.tokens + token) * columns;
      var sum = vec4f(0);
      for (var column = 0u; column < PREFIX_COLUMNS + sequence.past + sequence.count; column++) {
        sum += pattern[first + column] * value_at(batch, kv_head, column, quad);
      }
      store_out((batch * step.tokens + token) * Q_HEADS + head, quad, sum);`,
  };
}
