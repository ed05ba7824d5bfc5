import { alternatives, attention, count, type Example, entry, projections } from '../entry.ts';

/** Heads side by side, as in a row that the output projection reads. */
type HeadsOf = { readonly heads: number; readonly width: number };

const headsOf = ({ heads, width }: HeadsOf) => `${count(heads, 'head')} of ${width}`;

/** A checkpoint of four heads with keys of 32 and values of 16; `read` is the width that the output projection reads. */
function narrowValues(read: number): NonNullable<Example['tensors']> {
  return {
    ...projections({ hidden: 128, q: 128, kv: 128 }),
    'attn.v.weight': ['F32', 64, 128],
    'attn.o.weight': ['F32', 128, read],
  };
}

export const headRules = {
  GQA001: entry({
    slug: 'kv-heads-not-divisor',
    severity: 'error',
    message: (a: { option: 'kv_heads' | 'group_size'; value: number; qHeads: number; divisors: readonly number[] }) =>
      `${a.option} ${a.value} does not divide q_heads ${a.qHeads}`,
    label: (a) => `not a divisor of ${a.qHeads}`,
    help: (a) => `use ${alternatives(a.divisors)}`,
    why: 'Each key/value head serves the same number of query heads, G = q_heads / kv_heads. Frameworks that accept other counts fail later, in a reshape, or compute with the wrong heads.',
    issue: 'huggingface/transformers#48643, #48203: LlamaConfig accepts 7 query heads with 2 key/value heads',
    failing: { spec: attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64') },
    mended: { spec: attention('q_heads: 8', 'kv_heads: 4', 'head_dim: 64') },
  }),
  GQA002: entry({
    slug: 'one-kv-head-and-kv-heads',
    severity: 'error',
    message: (_: { kvHeads: number }) => 'one_kv_head and kv_heads are both given',
    label: () => 'the number of KV heads',
    help: (a) =>
      a.kvHeads === 1 ? 'delete either: both say 1' : 'delete `kv_heads` for one head, or `one_kv_head` for that many',
    why: 'Both set the same number. x-transformers asserts the same.',
    issue: 'lucidrains/x-transformers: Attention asserts that one_kv_head and kv_heads exclude each other',
    failing: { spec: attention('q_heads: 8', 'kv_heads: 2', 'one_kv_head: true', 'head_dim: 64') },
    mended: { spec: attention('q_heads: 8', 'one_kv_head: true', 'head_dim: 64') },
  }),
  GQA003: entry({
    slug: 'group-order-unknown',
    severity: 'error',
    message: (_: { tensor: string }) =>
      'these weights have names of x-transformers, whose query heads are grouped otherwise',
    label: (a) => `\`${a.tensor}\``,
    help: () =>
      'write `group_order: interleaved` if x-transformers trained them, or `group_order: blocked` if they were converted',
    why: 'With 1 < kv_heads < q_heads, query head h reads KV head h mod K in x-transformers and floor(h / G) nearly everywhere else. The shapes are the same, so the wrong order is found by nothing but the text.',
    issue:
      'onnx/onnx#7274, ekzhang/jax-js#180, apple/axlearn#842: heads tiled in one place and repeated in the other, without an error',
    failing: {
      spec: `${attention('hidden: 64', 'q_heads: 4', 'kv_heads: 2')}weights:\n  names:\n    attn.k.weight: to_k.weight\n`,
    },
    mended: {
      spec: `${attention('hidden: 64', 'q_heads: 4', 'kv_heads: 2', 'group_order: interleaved')}weights:\n  names:\n    attn.k.weight: to_k.weight\n`,
    },
  }),
  GQA004: entry({
    slug: 'ambiguous-groups',
    severity: 'error',
    message: (_: { place: string }) =>
      'the word `groups` means the number of KV heads to some and the queries of each to others',
    label: (a) => `in ${a.place}`,
    help: () => 'say `kv_heads` for the number of key/value heads, or `group_size` for the query heads that share one',
    why: 'LLMs-from-scratch calls kv_heads `num_kv_groups`, and also q_heads / kv_heads `group_size`; other sources have the words the other way round.',
    issue: 'rasbt/LLMs-from-scratch uses `num_kv_groups` for the number of key/value heads',
    failing: { spec: attention('q_heads: 8', 'groups: 2', 'head_dim: 64') },
    mended: { spec: attention('q_heads: 8', 'kv_heads: 2', 'head_dim: 64') },
  }),
  DIM001: entry({
    slug: 'hidden-not-divisible',
    severity: 'error',
    message: (a: { hidden: number; qHeads: number }) => `hidden ${a.hidden} is not a multiple of q_heads ${a.qHeads}`,
    help: () => 'write `head_dim`: it need not be hidden / q_heads',
    why: 'head_dim defaults to hidden / q_heads, which must then be whole. A written head_dim may have any value, as in Gemma, Qwen3 and Mistral-Nemo.',
    issue: 'huggingface/transformers#23081 (1024 / 12), #46211 (the check was made although head_dim was given)',
    failing: { spec: attention('hidden: 1024', 'q_heads: 12') },
    mended: { spec: attention('hidden: 1024', 'q_heads: 12', 'head_dim: 64') },
  }),
  DIM002: entry({
    slug: 'two-widths',
    severity: 'error',
    message: (a: { option: string; here: number; there: number; place: string }) =>
      `${a.option} is ${a.here} here and ${a.there} ${a.place}`,
    label: (a) => `${a.option} ${a.here}`,
    help: (a) => `use ${a.there} in both places, or correct the other`,
    why: 'One width is read in many places: projections, rotary tables, the cache. Each must read the same number.',
    issue: 'huggingface/candle#2358 (128 declared, 160 derived), LMCache/LMCache#688',
    failing: {
      spec: attention('hidden: 256', 'q_heads: 4', 'head_dim: 32'),
      tensors: projections({ hidden: 256, q: 256, kv: 256 }),
    },
    mended: {
      spec: attention('hidden: 256', 'q_heads: 4', 'head_dim: 64'),
      tensors: projections({ hidden: 256, q: 256, kv: 256 }),
    },
  }),
  DIM003: entry({
    slug: 'output-of-another-shape',
    severity: 'error',
    message: (a: { read: HeadsOf; made: HeadsOf }) =>
      `the output projection reads ${headsOf(a.read)}, the attention makes ${headsOf(a.made)}`,
    help: (a) =>
      a.read.width === a.made.width
        ? 'a checkpoint of this spec has a row of values for each query head, not for each KV head'
        : `set \`value_dim: ${a.read.width}\`, or use a checkpoint whose output projection reads ${a.made.heads * a.made.width} entries`,
    why: 'The output of attention is `[B, I, q_heads, value_dim]`: as many heads as the queries have, each as wide as a value. Given the width of keys, or the heads of values, it is cut at the wrong places. Buffers for `out` that an app gives are checked in the same way.',
    issue:
      'NVIDIA/TransformerEngine#2901: with grouped heads and narrow values, the output was viewed with the shape of v',
    failing: {
      spec: attention('hidden: 128', 'q_heads: 4', 'head_dim: 32', 'value_dim: 16'),
      tensors: narrowValues(128),
    },
    mended: {
      spec: attention('hidden: 128', 'q_heads: 4', 'head_dim: 32', 'value_dim: 16'),
      tensors: narrowValues(64),
    },
  }),
};
