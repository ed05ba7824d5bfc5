import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { accurateTanh } from '../../activation.ts';
import { type Binding, floats } from '../../kernel.ts';
import { f32, wgsl } from '../../wgsl.ts';
import { type ExpressionParts, expressionParts } from './expressions.ts';
import { headNumber, headNumbers, headsCounted } from './heads.ts';

/**
 * From a scaled similarity to a logit: biases and softcap in the declared order, or the spec's own score, and the masks. The one
 * text of these options for every form of the attention kernel.
 */
export interface LogitParts {
  readonly bindings: readonly Binding[];
  /**
   * `visible_logit(scaled: f32, sequence, batch, head, token, column) -> f32`: in units of log2. `logit`, with the same parameters:
   * MASKED where hidden. Calls `visible`.
   */
  readonly functions: readonly string[];
  /** What a visible logit is: the similarity times SCALE_LOG2E, that within a cap of common size, or anything. */
  readonly form: 'plain' | 'capped' | 'any';
}

export function logitParts(options: AttentionOptions): LogitParts {
  const { bias, t5, alibiSlopes, softcap } = options;
  const expressions = expressionParts(options);
  const biased = bias !== undefined || t5 !== undefined || alibiSlopes !== undefined;
  return {
    bindings: [...(bias ? [floats('bias')] : []), ...(t5 ? [floats('t5_table')] : []), ...expressions.bindings],
    functions: [
      ...headNumbers(options.heads),
      ...(softcap ? [accurateTanh, softcapOf(softcap.cap)] : []),
      ...(alibiSlopes ? [alibiOf(alibiSlopes)] : []),
      ...(t5 ? [t5Of(options)] : []),
      ...(biased ? [biasesOf(options)] : []),
      ...expressions.functions,
      visibleLogit(options, biased),
      logit(expressions),
    ],
    form: formOf(options, biased),
  };
}

function formOf({ softcap, score }: AttentionOptions, biased: boolean): LogitParts['form'] {
  if (biased || score !== undefined) return 'any';
  if (softcap === undefined) return 'plain';
  return softcap.cap >= 2 ** -10 && softcap.cap <= 2 ** 10 ? 'capped' : 'any';
}

const softcapOf = (cap: number) => wgsl`
  fn softcap(x: f32) -> f32 {
    return ${f32(cap)} * accurate_tanh(x / ${f32(cap)});
  }`;

/** Press et al. 2022; slopes are per query head, zero for heads without a bias. */
const alibiOf = (slopes: readonly number[]) => wgsl`
  const ALIBI_SLOPES = array<f32, ${slopes.length}>(${slopes.map(f32).join(', ')});

  fn alibi(head: u32, distance: i32) -> f32 {
    return -ALIBI_SLOPES[head] * f32(abs(distance));
  }`;

/** Raffel et al. 2020: a learned bias for each bucket of distances. */
function t5Of({ t5, heads }: AttentionOptions): string {
  if (t5 === undefined) return '';
  const starts = t5.starts.length > 0 ? t5.starts : [0x7fffffff];
  const direction = t5.bidirectional
    ? wgsl`
        let first_bucket = select(0u, ${t5.buckets}u, distance < 0);
        let steps = u32(abs(distance));`
    : wgsl`
        let first_bucket = 0u;
        let steps = u32(max(distance, 0));`;
  return wgsl`
    const T5_STARTS = array<u32, ${starts.length}>(${starts.map((start) => `${start}u`).join(', ')});

    fn t5_bias(head: u32, distance: i32) -> f32 {
      ${direction}
      var bucket = min(steps, ${t5.exact}u);
      for (var n = 0u; n < ${starts.length}u; n++) {
        bucket += u32(steps >= T5_STARTS[n]);
      }
      return ${f32(t5.scale)} * t5_table[(first_bucket + bucket) * ${heads.qHeads}u + head];
    }`;
}

/** Zero and memory columns have no position and no bias. */
function biasesOf({ bias, t5, alibiSlopes, heads }: AttentionOptions): string {
  const tensor =
    bias &&
    `bias[((${bias.perBatch ? 'batch' : '0u'} * ${bias.perHead ? headsCounted(heads) : '1u'} + ${bias.perHead ? headNumber(heads) : '0u'}) * step.tokens + token) * step.keys + key]`;
  const terms = [alibiSlopes && 'alibi(head, distance)', t5 && 't5_bias(head, distance)', tensor].filter(Boolean);
  return wgsl`
    fn biases(sequence: Sequence, batch: u32, head: u32, token: u32, column: u32) -> f32 {
      if (column < PREFIX_COLUMNS) {
        return 0.0;
      }
      let key = column - PREFIX_COLUMNS;
      ${alibiSlopes || t5 ? 'let distance = i32(sequence.past + token) - i32(key);' : ''}
      return ${terms.join(' + ')};
    }`;
}

function visibleLogit({ softcap, score }: AttentionOptions, biased: boolean): string {
  const place = 'sequence, batch, head, token, column';
  const scored = (value: string) => (score ? `score(${value}, ${place})` : value);
  const withBias = (value: string) => (biased ? `${value} + biases(${place})` : value);
  const capped = (value: string) => (softcap ? `softcap(${value})` : value);
  const value = scored(softcap?.order === 'cap-bias' ? withBias(capped('scaled')) : capped(withBias('scaled')));
  return wgsl`
    fn visible_logit(scaled: f32, sequence: Sequence, batch: u32, head: u32, token: u32, column: u32) -> f32 {
      return ${value === 'scaled' ? value : `(${value})`} * LOG2E;
    }`;
}

function logit({ isPerHead }: ExpressionParts): string {
  const hidden = isPerHead ? ' || !shown(sequence, batch, head, token, column)' : '';
  return wgsl`
    fn logit(scaled: f32, sequence: Sequence, batch: u32, head: u32, token: u32, column: u32) -> f32 {
      if (!visible(sequence, batch, token, column)${hidden}) {
        return MASKED;
      }
      return visible_logit(scaled, sequence, batch, head, token, column);
    }`;
}
