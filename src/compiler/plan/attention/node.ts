import type { BufferDecl, Extent } from '../../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../../ir/nodes.ts';
import { dispatch, keyStorage, rowStorage, type StorageOf } from '../dispatch.ts';
import { ceilDiv, plus, quads, times } from '../extents.ts';
import type { KernelPlan } from '../kernel-plan.ts';
import type { NodePlan, PlannedDispatch } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import { scratch } from '../scratch.ts';
import { foldArrays } from '../workgroup-memory.ts';
import {
  type Attempt,
  allHeads,
  type Form,
  fusedBindings,
  inputsOf,
  ordering,
  orderOf,
  present,
  tooMany,
  whole,
} from './form.ts';
import type { AttentionLatentPlan, AttentionOptions, ColumnDeal, HeadMixPlan } from './kernel-plan.ts';
import { latentForm } from './latent-form.ts';
import { matrixForm } from './matrix-form.ts';
import { attentionOptions, planAttentionSplit, planAttentionSplitSubgroups, type Rejection } from './plans.ts';
import { sharesOf } from './shares.ts';
import { exactTile, planAttentionTile } from './tile-plans.ts';

/** The fused forms where they can serve the node, else separate steps, which always can. */
export function planAttention(node: AttentionNode, storageOf: StorageOf, profile: TargetProfile): NodePlan {
  const options = attentionOptions(node, {
    queries: rowStorage(node.q, storageOf),
    keys: keyStorage(node.keyDtype, node.k, storageOf),
    out: rowStorage(node.out, storageOf),
  });
  const rejected: Rejection[] = [];
  const choose = (forms: Readonly<Record<string, () => Attempt>>): Form => {
    for (const [variant, attempt] of Object.entries(forms)) {
      const form = attempt();
      if ('dispatches' in form) return form;
      rejected.push({ variant, reason: form.reason });
    }
    throw new Error('separate steps serve every node');
  };
  const matrix = () => matrixForm(node, options, profile);
  const latent = (leaves: AttentionLatentPlan['leaves']) => () => latentForm(node, options, profile, leaves);
  const tile = () => tileForm(node, options, profile);
  const steps = () => unfusedForm(node, options);
  const splitSubgroups = () => splitSubgroupsForm(node, options, profile);
  const split = () => splitForm(node, options, profile);
  const prefill = choose({
    ...(profile.subgroupMatrix && { matrix, latent: latent('rows') }),
    tile,
    steps,
  });
  const decode = choose({
    ...(profile.subgroupSize !== undefined && { split_subgroups: splitSubgroups }),
    ...(profile.subgroupMatrix && { latent: latent('parts') }),
    split,
    tile,
    steps,
  });
  return {
    prefill: prefill.dispatches,
    decode: decode.dispatches,
    scratch: [...(prefill.scratch ?? []), ...(decode.scratch ?? [])],
    rejected: [...rejected, ...(prefill.rejected ?? [])],
  };
}

function tileForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const { memory, keyMask, documents, bias, t5, heads, parameters } = node;
  const bindings =
    3 +
    present(node.v) +
    2 * present(memory) +
    present(orderOf(node), node.pages, keyMask, documents, bias, t5, node.sinks, ...parameters);
  const reason = whole(node) ?? tooMany(bindings, profile);
  if (reason !== undefined) return { reason };
  const spareBuffers = profile.limits.maxStorageBuffersPerShaderStage - bindings;
  const choice = planAttentionTile(options, profile, spareBuffers);
  if ('reason' in choice) return choice;
  const { plan, rejected } = choice;
  const tiles = ceilDiv(times('I', heads.queriesPerKv), plan.tileRows);
  const marks = plan.marks && `marks_${heads.kvHeads}_${plan.tileRows}`;
  const { scores, order, logits, sinks, values } = inputsOf(node);
  const bind = { ...scores, ...order, ...logits, ...sinks, ...values, out: node.out, marks };
  const before = ordering(node);
  const plans = marks === undefined ? [plan] : [plan, exactTile(plan, profile.limits)];
  const marked = marks === undefined ? [] : [scratch(marks, 'u32', ['B', tiles, heads.kvHeads])];
  return {
    dispatches: [...before.dispatches, ...plans.map((one) => dispatch(node, one, bind, [heads.kvHeads, tiles, 'B']))],
    scratch: [...before.scratch, ...marked],
    rejected,
  };
}

function splitSubgroupsForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const reason = whole(node) ?? allHeads(node) ?? tooMany(fusedBindings(node), profile);
  if (reason !== undefined) return { reason };
  const choice = planAttentionSplitSubgroups(options, profile);
  if ('reason' in choice) return choice;
  const { plan, deal } = choice;
  const workgroups = node.heads.kvHeads * Math.ceil(node.heads.queriesPerKv / 4);
  return splitInto(node, options, plan, { deal, grid: (parts) => [workgroups, parts, 'B'] });
}

function splitForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const reason = whole(node) ?? tooMany(fusedBindings(node), profile);
  if (reason !== undefined) return { reason };
  const plan = planAttentionSplit(options);
  const { heads, valueDim } = node;
  if (quads(valueDim) > plan.partColumns) return { reason: `values of ${valueDim} entries are wider than a workgroup` };
  const deal = { least: plan.partColumns, most: plan.partColumns, parts: 1 };
  return splitInto(node, options, plan, { deal, grid: (parts) => [parts, heads.kvHeads, 'B'] });
}

/** The kernel that leaves partial results, and the one that joins them. */
function splitInto(
  node: AttentionNode,
  options: AttentionOptions,
  split: KernelPlan,
  { deal, grid }: { readonly deal: ColumnDeal; readonly grid: (parts: Extent) => PlannedDispatch['grid'] },
): Form {
  const { scores, order, logits, values } = inputsOf(node);
  const before = ordering(node);
  const usesSubgroups = split.stage === 'attention_split_subgroups';
  const {
    count,
    partials,
    join,
    scratch: shares,
  } = sharesOf(node, options, deal, { usesSubgroups, tokens: 1, joins: 1 });
  return {
    dispatches: [
      ...before.dispatches,
      dispatch(node, split, { ...scores, ...order, ...logits, ...values, ...partials }, grid(count)),
      join,
    ],
    scratch: [...before.scratch, ...shares],
  };
}

/** Scores, mixing, softmax, mixing, values: one kernel each, the scores of all columns in memory. */
function unfusedForm(node: AttentionNode, options: AttentionOptions): Form {
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
    workgroup: foldArrays(64),
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
