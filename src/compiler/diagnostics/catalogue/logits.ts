import { attention, count, type Example, entry, projections, shapeText } from '../entry.ts';

const sinkSpec = attention('q_heads: 8', 'kv_heads: 2', 'head_dim: 64', 'sinks: true');

const residualSpec = `${attention('q_heads: 4', 'kv_heads: 2', 'value_residual: learned')}model: { vocab: 16, hidden: 32, layers: 2, context: 8, tie_embeddings: true }
mlp: { kind: plain, activation: relu, width: 64 }
`;

/** The checkpoint of `residualSpec`, with a mixer of so many rows. */
function residualTensors(mixerRows: number): NonNullable<Example['tensors']> {
  const layer = (index: number): NonNullable<Example['tensors']> => ({
    [`layers.${index}.attn_norm.weight`]: ['F32', 32],
    ...Object.fromEntries(
      Object.entries(projections({ hidden: 32, q: 32, kv: 16 })).map(([name, tensor]) => [
        `layers.${index}.${name}`,
        tensor,
      ]),
    ),
    [`layers.${index}.mlp_norm.weight`]: ['F32', 32],
    [`layers.${index}.mlp.up.weight`]: ['F32', 64, 32],
    [`layers.${index}.mlp.down.weight`]: ['F32', 32, 64],
  });
  return {
    'embed.weight': ['F32', 16, 32],
    ...layer(0),
    ...layer(1),
    'layers.1.attn.value_residual.weight': ['F32', mixerRows, 32],
    'layers.1.attn.value_residual.bias': ['F32', mixerRows],
    'final_norm.weight': ['F32', 32],
  };
}

export const logitRules = {
  NRM001: entry({
    slug: 'norm-weight-shape',
    severity: 'error',
    message: (a: { tensor: string; found: readonly number[]; expected: readonly number[]; help: string }) =>
      `norm weight \`${a.tensor}\` is ${shapeText(a.found)}, the spec makes it ${shapeText(a.expected)}`,
    help: (a) => a.help,
    why: 'A head norm has one weight for all heads, `[width]`, or one for each: `[q_heads, width]` for queries, `[kv_heads, width]` for keys and values.',
    issue:
      'lucidrains/x-transformers: the weights of qk_norm_dim_scale and value_rmsnorm once had the query heads for keys and values',
    failing: {
      spec: attention('hidden: 64', 'q_heads: 4', 'kv_heads: 2', 'qk_norm: { kind: rms, weight: per_head }'),
      tensors: {
        ...projections({ hidden: 64, q: 64, kv: 32 }),
        'attn.q_norm.weight': ['F32', 4, 1, 16],
        'attn.k_norm.weight': ['F32', 4, 1, 16],
      },
    },
    mended: {
      spec: attention('hidden: 64', 'q_heads: 4', 'kv_heads: 2', 'qk_norm: { kind: rms, weight: per_head }'),
      tensors: {
        ...projections({ hidden: 64, q: 64, kv: 32 }),
        'attn.q_norm.weight': ['F32', 4, 1, 16],
        'attn.k_norm.weight': ['F32', 2, 1, 16],
      },
    },
  }),
  NRM002: entry({
    slug: 'norm-groups-not-divisor',
    severity: 'error',
    message: (a: { groups: number; headDim: number }) =>
      `qk_norm groups ${a.groups} do not divide head_dim ${a.headDim}`,
    label: (a) => `not a divisor of ${a.headDim}`,
    help: () => 'each head is cut into equal groups: use a divisor of head_dim',
    why: 'The groups of a normalised head are equal parts of it.',
    failing: { spec: attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: l2, groups: 3 }') },
    mended: { spec: attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: l2, groups: 4 }') },
  }),
  RES001: entry({
    slug: 'value-residual-heads',
    severity: 'error',
    message: (a: { heads: number; kvHeads: number }) =>
      `the value-residual mixer has ${count(a.heads, 'head')}, the attention has ${count(a.kvHeads, 'KV head')}`,
    label: () => 'mixes the values of each KV head',
    help: (a) => `use a checkpoint whose mixer is \`[${a.kvHeads}, hidden]\``,
    why: 'Values are mixed head by head before any query reads them, so the mixer has one row for each KV head.',
    issue: 'lucidrains/x-transformers makes one for each query head, which fails with grouped key/value heads',
    failing: { spec: residualSpec, tensors: residualTensors(4) },
    mended: { spec: residualSpec, tensors: residualTensors(2) },
  }),
  CAP001: entry({
    slug: 'softcap-undefined',
    severity: 'error',
    message: (a: { cap?: number }) =>
      a.cap === undefined
        ? 'there is a softcap and a bias on the logits: it is not said which comes first'
        : `softcap ${a.cap} is not a positive number`,
    label: (a) => (a.cap === undefined ? '`logits_order` is missing' : 'expected a number above 0'),
    help: (a) =>
      a.cap === undefined
        ? 'write `logits_order: [cap, bias]` (Gemma), or `logits_order: [bias, cap]` (x-transformers)'
        : 'delete `softcap` for logits without a cap',
    why: 'c · tanh(x / c) divides by the cap, so 0 does not mean none. And a capped bias is another bias: both orders are in use.',
    issue: 'NVIDIA/Megatron-LM#6590: 0, negative and infinite caps mean different things in its backends',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'softcap: 50', 'alibi: {}') },
    mended: {
      spec: attention('q_heads: 8', 'head_dim: 64', 'softcap: 50', 'alibi: {}', 'logits_order: [bias, cap]'),
    },
  }),
  SNK001: entry({
    slug: 'sink-shape',
    severity: 'error',
    message: (a: { tensor: string; found: readonly number[]; qHeads: number }) =>
      `sinks \`${a.tensor}\` are ${shapeText(a.found)}, the attention has ${count(a.qHeads, 'query head')}`,
    label: (a) => `expected [${a.qHeads}]`,
    help: (a) =>
      a.found.length === 1
        ? `this checkpoint is for ${count(a.found[0] ?? 0, 'query head')}`
        : 'a sink is one logit for each query head',
    why: 'Each query head has its own denominator, so sinks follow q_heads, not kv_heads.',
    failing: { spec: sinkSpec, tensors: { 'attn.sinks': ['F32', 2] } },
    mended: { spec: sinkSpec, tensors: { 'attn.sinks': ['F32', 8] } },
  }),
  XAT001: entry({
    slug: 'cross-attention-positions',
    severity: 'error',
    message: (a: { option: string; does: string }) =>
      `\`${a.option}\` ${a.does}, and the keys of cross-attention are of another sequence`,
    label: () => 'has no meaning here',
    help: (a) => `delete \`${a.option}\`, or delete \`cross\``,
    why: 'Queries and keys of cross-attention count their positions apart, and differ in number. A mask or rotation made for the query’s own length falls on the wrong keys.',
    issue: 'huggingface/transformers#48356: cross-attention keys and values viewed with the length of the query',
    failing: { spec: attention('hidden: 512', 'q_heads: 8', 'cross: { width: 768 }', 'mask: { causal: true }') },
    mended: { spec: attention('hidden: 512', 'q_heads: 8', 'cross: { width: 768 }') },
  }),
};
