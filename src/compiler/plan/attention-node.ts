import type { BufferDecl, Extent } from '../../runtime/abi1/definition.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import type {
  AttentionCombinePlan,
  AttentionMatrixPlan,
  AttentionOptions,
  ColumnDeal,
  HeadMixPlan,
} from './attention-kernel-plan.ts';
import { knownMaximum, planAttentionMatrix } from './attention-matrix-plans.ts';
import {
  activePlan,
  attentionOptions,
  combineLanes,
  planAttentionSplit,
  planAttentionSplitSubgroups,
  type Rejection,
} from './attention-plans.ts';
import { exactTile, planAttentionTile } from './attention-tile-plans.ts';
import { dispatch, keyStorage, rowStorage, type StorageOf } from './dispatch.ts';
import { ceilDiv, plus, quads, times } from './extents.ts';
import type { KernelPlan } from './kernel-plan.ts';
import type { NodePlan, PlannedDispatch } from './planned.ts';
import { defaultLimits, type TargetProfile } from './profiles.ts';
import { foldArrays } from './workgroup-memory.ts';

/** What one form of attention becomes, or why it cannot serve this node on this target. */
type Form = {
  readonly dispatches: readonly PlannedDispatch[];
  readonly scratch?: readonly BufferDecl[];
  readonly rejected?: readonly Rejection[];
};
type Attempt = Form | { readonly reason: string };

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
  const tile = () => tileForm(node, options, profile);
  const steps = () => unfusedForm(node, options);
  const splitSubgroups = () => splitSubgroupsForm(node, options, profile);
  const split = () => splitForm(node, options, profile);
  const prefill = choose({ ...(profile.subgroupMatrix && { matrix }), tile, steps });
  const decode = choose({
    ...(profile.subgroupSize !== undefined && { split_subgroups: splitSubgroups }),
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

/** What each step of attention reads, by binding name. */
function inputsOf(node: AttentionNode) {
  const { memory, mask, normalizer } = node;
  const sequences = node.cross ? { sequences: 'context_sequences' } : {};
  const parameters = Object.fromEntries(node.parameters.map(({ name, tensor }) => [`parameter_${name}`, tensor]));
  const hidden = mask.padding === 'keys_and_queries' ? { key_mask: node.keyMask } : {};
  return {
    scores: { q: node.q, k: node.k, memory_k: memory?.k, page_table: node.pages, ...sequences },
    order: { head_order: orderOf(node) },
    active: { active_heads: activeMask(node) },
    logits: {
      key_mask: node.keyMask,
      documents: node.documents,
      bias: node.bias?.tensor,
      t5_table: node.t5?.table,
      ...parameters,
      ...sequences,
    },
    sinks: normalizer.kind === 'sigmoid' ? {} : { sinks: node.sinks },
    values: {
      ...(node.v === undefined ? { k: node.k } : { v: node.v }),
      memory_v: memory?.v,
      page_table: node.pages,
      ...sequences,
    },
    hidden,
  };
}

const activeMask = ({ active }: AttentionNode) => (active && 'mask' in active ? active.mask : undefined);

/** Scratch that says which heads of each group a mask leaves: fused forms walk over these. */
function orderOf(node: AttentionNode): string | undefined {
  const { qHeads, kvHeads, order } = node.heads;
  return activeMask(node) && `head_order_${qHeads}x${kvHeads}_${order}`;
}

/** What has to run before a fused form. */
function ordering(node: AttentionNode): Required<Pick<Form, 'dispatches' | 'scratch'>> {
  const name = orderOf(node);
  const { heads } = node;
  if (name === undefined) return { dispatches: [], scratch: [] };
  const plan: KernelPlan = { stage: 'head_order', heads, threads: 64, workgroup: [] };
  const bind = { active_heads: activeMask(node), head_order: name };
  return {
    dispatches: [dispatch(node, plan, bind, [ceilDiv(heads.kvHeads, 64), 1, 1])],
    scratch: [{ name, role: 'activation', dtype: 'u32', shape: [heads.kvHeads + heads.qHeads] }],
  };
}

const present = (...tensors: readonly unknown[]) =>
  tensors.filter((tensor) => tensor !== undefined && tensor !== false).length;

/** What keeps a node from a fused form at all. */
function whole(node: AttentionNode): string | undefined {
  if (Object.keys(node.mixing).length > 0) return 'head mixing needs the scores of all heads';
  if (node.kept !== undefined) return 'scores or patterns are asked for, so they have to be in memory';
  if (node.normalizer.kind !== 'softmax') return `${node.normalizer.kind} is not an online softmax`;
  return undefined;
}

function tooMany(bindings: number, { limits }: TargetProfile): string | undefined {
  const most = limits.maxStorageBuffersPerShaderStage;
  return bindings > most ? `needs ${bindings} storage buffers, the target has ${most}` : undefined;
}

/** The fast kernel, and the one that redoes the workgroups whose exponentials left the range of f16: mostly none. */
function matrixForm(node: AttentionNode, options: AttentionOptions, profile: TargetProfile): Attempt {
  const { heads } = node;
  const reason = whole(node) ?? allHeads(node) ?? tooMany(fusedBindings(node) + present(node.sinks), profile);
  if (reason !== undefined) return { reason };
  const choice = planAttentionMatrix(options, profile, node.compute);
  if ('reason' in choice) return choice;
  const { rejected } = choice;
  const hasRoom = fusedBindings(node) + present(node.sinks) + 2 <= defaultLimits.maxStorageBuffersPerShaderStage;
  const plan = { ...choice.plan, inParts: choice.plan.inParts && hasRoom };
  const rows = plan.subgroups * plan.rowBlocks * 16;
  const tiles = ceilDiv(times('I', heads.queriesPerKv), rows);
  const marks = `marks_${heads.kvHeads}`;
  const { scores, logits, sinks, values } = inputsOf(node);
  const bind = { ...scores, ...logits, ...sinks, ...values, out: node.out, marks };
  if (!plan.inParts) {
    const grid = [heads.kvHeads, tiles, 'B'] as const;
    return {
      dispatches: [dispatch(node, plan, bind, grid), dispatch(node, knownMaximum(plan), bind, grid)],
      scratch: [{ name: marks, role: 'activation', dtype: 'u32', shape: ['B', tiles, heads.kvHeads] }],
      rejected,
    };
  }
  return inParts(node, plan, bind, { marks, tiles, rows, rejected });
}

/** Workgroups that keep a large device busy, and columns that are worth a workgroup of their own. */
const enoughWorkgroups = 128;
const leastColumns = 512;
const mostPartsOfMatrix = 16;

/** Parts are so many that there are enough workgroups, where columns suffice; most calls have one, and then nothing to join. */
function inParts(
  node: AttentionNode,
  plan: AttentionMatrixPlan,
  whole: Readonly<Record<string, string | undefined>>,
  { marks, tiles, rows, rejected }: { marks: string; tiles: Extent; rows: number; rejected: readonly Rejection[] },
): Form {
  const { heads, valueDim } = node;
  const { qHeads, kvHeads } = heads;
  const workgroups = times('B', tiles, kvHeads);
  const parts: Extent = ['min', mostPartsOfMatrix, ceilDiv('J', leastColumns), ceilDiv(enoughWorkgroups, workgroups)];
  const size = `${qHeads}x${valueDim}`;
  const partials = { partial_outputs: `parts_${size}`, partial_sums: `part_sums_${size}` };
  const bind = { ...whole, ...partials };
  const grid = [kvHeads, tiles, times('B', parts)] as const;
  const join: KernelPlan = {
    stage: 'attention_join',
    qHeads,
    valueDim,
    out: plan.out,
    sinks: node.sinks !== undefined,
    threads: 64,
    workgroup: [],
  };
  const isJoined: Extent = ['min', 1, ['less', parts, 1]];
  const perPart = ceilDiv(times('B', 'I', qHeads, quads(valueDim)), times(64, parts));
  // Two parts or more only with fewer than enough workgroups, however long the longest call may be.
  const mostRows: Extent = ['min', 2 * enoughWorkgroups * rows, times('B', 'I', qHeads, mostPartsOfMatrix)];
  const scratch = (name: string, dtype: BufferDecl['dtype'], shape: readonly Extent[]): BufferDecl => ({
    name,
    role: 'activation',
    dtype,
    shape,
  });
  return {
    dispatches: [
      dispatch(node, plan, bind, grid),
      dispatch(node, knownMaximum(plan), bind, grid),
      dispatch(node, join, { ...partials, sinks: node.sinks, out: node.out }, [times(isJoined, perPart), 1, parts]),
    ],
    scratch: [
      scratch(marks, 'u32', ['B', ['min', mostPartsOfMatrix, ceilDiv('J', leastColumns)], tiles, kvHeads]),
      scratch(partials.partial_outputs, 'f32', [mostRows, quads(valueDim) * 4]),
      scratch(partials.partial_sums, 'f32', [mostRows, 2]),
    ],
    rejected,
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
  const plans = marks === undefined ? [plan] : [plan, exactTile(plan)];
  const marked: readonly BufferDecl[] =
    marks === undefined ? [] : [{ name: marks, role: 'activation', dtype: 'u32', shape: ['B', tiles, heads.kvHeads] }];
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
  if (quads(valueDim) > plan.chunk) return { reason: `values of ${valueDim} entries are wider than a workgroup` };
  const deal = { least: plan.chunk, most: plan.chunk, parts: 1 };
  return splitInto(node, options, plan, { deal, grid: (parts) => [parts, heads.kvHeads, 'B'] });
}

/** See `ColumnDeal`. */
function partsOf({ least, most, parts, reach }: ColumnDeal, { columns }: AttentionNode): Extent {
  const count = plus(reach === undefined ? 'J' : ['min', 'J', reach], columns.zero + columns.memory);
  if (least === most) return ceilDiv(count, most);
  return ['max', ['min', ceilDiv(parts, 'B'), ceilDiv(count, least)], ceilDiv(count, most)];
}

/** Storage buffers of a fused form that writes two. */
const fusedBindings = (node: AttentionNode) => {
  const { memory, pages, keyMask, documents, bias, t5, parameters } = node;
  return (
    4 +
    present(node.v) +
    2 * present(memory) +
    present(orderOf(node), pages, keyMask, documents, bias, t5, ...parameters)
  );
};

/** Heads that are switched off are left out by the portable forms. */
const allHeads = ({ active }: AttentionNode) => (active === undefined ? undefined : 'not all heads are active');

/** The kernel that leaves partial results, and the one that joins them. */
function splitInto(
  node: AttentionNode,
  options: AttentionOptions,
  split: KernelPlan,
  { deal, grid }: { readonly deal: ColumnDeal; readonly grid: (parts: Extent) => PlannedDispatch['grid'] },
): Form {
  const { heads, columns, valueDim } = node;
  const parts = partsOf(deal, node);
  const prefixColumns = columns.zero + columns.memory;
  const { scores, order, active, logits, sinks, values, hidden } = inputsOf(node);
  const before = ordering(node);
  const size = [`${heads.qHeads}x${valueDim}`, prefixColumns, ...Object.values(deal)].join('_');
  const partials = { partial_outputs: `partial_outputs_${size}`, partial_sums: `partial_sums_${size}` };
  const combine: AttentionCombinePlan = {
    stage: 'attention_combine',
    qHeads: heads.qHeads,
    valueDim,
    out: options.out,
    prefixColumns,
    sinks: options.sinks,
    zeroHidden: options.mask.padding === 'keys_and_queries',
    ...activePlan(node),
    deal,
    ...combineLanes(quads(valueDim), deal, split.stage === 'attention_split_subgroups'),
  };
  const scratch = (name: string, width: number): BufferDecl => ({
    name,
    role: 'activation',
    dtype: 'f32',
    shape: ['B', heads.qHeads, parts, width],
  });
  return {
    dispatches: [
      ...before.dispatches,
      dispatch(node, split, { ...scores, ...order, ...logits, ...values, ...partials }, grid(parts)),
      dispatch(node, combine, { ...sinks, ...hidden, ...active, ...partials, out: node.out }, [
        heads.qHeads,
        'B',
        quads(valueDim) / combine.quadsAtOnce,
      ]),
    ],
    scratch: [
      ...before.scratch,
      scratch(partials.partial_outputs, quads(valueDim) * 4),
      scratch(partials.partial_sums, 2),
    ],
  };
}

/** Scores, mixing, softmax, mixing, values: one kernel each, the scores of all columns in memory. */
function unfusedForm(node: AttentionNode, options: AttentionOptions): Form {
  const { heads, columns, mixing, normalizer, valueDim } = node;
  const { qHeads } = heads;
  const prefixColumns = columns.zero + columns.memory;
  const width = plus('J', prefixColumns);
  const scratch: BufferDecl[] = [];
  const buffer = (kind: string) => {
    const name = `${kind}_${qHeads}_${prefixColumns}`;
    scratch.push({ name, role: 'activation', dtype: 'f32', shape: ['B', qHeads, 'I', width] });
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
  return { dispatches, scratch };
}
