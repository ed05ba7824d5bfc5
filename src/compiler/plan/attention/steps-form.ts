import type { BufferDecl } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch } from '../dispatch.ts';
import { ceilDiv, plus, quads, times } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { PlannedDispatch } from '../planned.ts';
import { scratch } from '../scratch.ts';
import { foldArrays } from '../workgroup-memory.ts';
import { type Form, inputsOf } from './form.ts';
import type { AttentionOptions, HeadMixPlan } from './kernel-plan.ts';

/** Scores, mixing, softmax, mixing, values: one kernel each, the scores of all columns in memory. */
export function stepsForm(node: AttentionNode, options: AttentionOptions): Form {
  const { heads, columns, mixing, normalizer, valueDim } = node;
  const { qHeads } = heads;
  const prefixColumns = columns.zero + columns.memory;
  const width = plus('J', prefixColumns);
  const buffers: BufferDecl[] = [];
  const buffer = (kind: string) => {
    const name = `${kind}_${qHeads}_${prefixColumns}`;
    buffers.push(scratch(name, 'f32', ['B', qHeads, 'I', width]));
    return name;
  };
  const plain = { threads: 64, workgroup: [] } as const;
  const mix = (mode: HeadMixPlan['mode'], bind: Readonly<Record<string, string>>) => {
    const plan: HeadMixPlan = { stage: 'head_mix', heads: qHeads, prefixColumns, mode, ...plain };
    return dispatch(node, plan, bind, [ceilDiv(width, 64), 'I', times('B', qHeads)]);
  };
  const inputs = inputsOf(node);
  // Scores and patterns that are kept are those of all heads.
  const { active: _, ...allHeads } = options;
  const [rowOptions, skipping] = node.kept === undefined ? [options, inputs.active] : [allHeads, {}];
  const dispatches: PlannedDispatch[] = [];
  const similarities = buffer('scores');
  let scores = similarities;
  dispatches.push(
    dispatch(node, { stage: 'attention_scores', ...rowOptions, ...plain }, { ...inputs.scores, ...skipping, scores }, [
      ceilDiv(width, 64),
      'I',
      times('B', qHeads),
    ]),
  );
  if (mixing.pre !== undefined) {
    const mixture = buffer('scores_mixed');
    dispatches.push(mix('add', { source: scores, weight: mixing.pre, mixture }));
    scores = mixture;
  }
  const mixtures = [mixing.post && 'pattern_mixed', mixing.preScalePost && 'pattern_scaled'].filter(Boolean);
  const last = mixtures.at(-1) ?? 'pattern';
  const patternBuffer = (kind: string) => (kind === last ? node.kept?.pattern : undefined) ?? buffer(kind);
  let pattern = patternBuffer('pattern');
  const softmax: KernelPlan = {
    stage: 'attention_softmax',
    ...rowOptions,
    normalizer,
    keepsScores: node.kept?.scores !== undefined,
    threads: 64,
    workgroup: normalizer.kind === 'sigmoid' ? [] : foldArrays(64),
  };
  dispatches.push(
    dispatch(
      node,
      softmax,
      { ...inputs.logits, ...inputs.sinks, ...skipping, scores, pattern, kept_scores: node.kept?.scores },
      [qHeads, 'I', 'B'],
    ),
  );
  if (mixing.post !== undefined) {
    const mixture = patternBuffer('pattern_mixed');
    dispatches.push(mix('plain', { source: pattern, weight: mixing.post, mixture }));
    pattern = mixture;
  }
  if (mixing.preScalePost !== undefined) {
    const mixture = patternBuffer('pattern_scaled');
    dispatches.push(mix('multiply', { source: similarities, weight: mixing.preScalePost, factors: pattern, mixture }));
    pattern = mixture;
  }
  const values: KernelPlan = { stage: 'attention_values', ...options, ...plain };
  const quadsOfToken = Math.ceil((qHeads * quads(valueDim)) / 64);
  dispatches.push(
    dispatch(node, values, { ...inputs.values, ...inputs.active, pattern, out: node.out }, [quadsOfToken, 'I', 'B']),
  );
  return { dispatches, scratch: buffers };
}
