import { attention, count, entry } from '../entry.ts';

export const memoryRules = {
  MEM001: entry({
    slug: 'memory-head-count',
    severity: 'error',
    message: (a: { heads: number; kvHeads: number; inCheckpoint: boolean }) =>
      `memory keys have ${count(a.heads, 'head')}, the attention has ${count(a.kvHeads, 'KV head')}`,
    label: (a) => `expected ${a.kvHeads}`,
    help: (a) =>
      a.inCheckpoint
        ? `this checkpoint is for ${count(a.heads, 'KV head')}, or was trained with memory that cannot be joined to its keys`
        : 'delete `heads`: memory key/values always follow kv_heads',
    why: 'Memory key/values stand before the keys of the sequence, so they are `[kv_heads, M, head_dim]`. Allocated per query head, they cannot be joined to grouped keys.',
    issue: 'lucidrains/x-transformers#228: memory was `[heads, M, d]` while keys were `[b, 1, n, d]`',
    failing: {
      spec: attention('q_heads: 8', 'one_kv_head: true', 'head_dim: 64', 'memory_kv:', '  slots: 4', '  heads: 8'),
    },
    mended: { spec: attention('q_heads: 8', 'one_kv_head: true', 'head_dim: 64', 'memory_kv:', '  slots: 4') },
  }),
  MEM002: entry({
    slug: 'memory-value-width',
    severity: 'error',
    message: (a: { width: number; valueDim: number }) =>
      `memory values are ${a.width} wide, the attention's values ${a.valueDim}`,
    label: () => 'the width of values',
    help: (a) => `set \`value_dim: ${a.width}\`, or use a checkpoint whose memory values are ${a.valueDim} wide`,
    why: 'Memory values are summed with the values of the sequence: `[kv_heads, M, value_dim]`, whatever the width of keys.',
    issue:
      'lucidrains/x-transformers allocates memory values with the key width and crashes when value_dim_head differs',
    failing: {
      spec: attention('q_heads: 4', 'head_dim: 64', 'value_dim: 32', 'memory_kv: 2'),
      tensors: { 'attn.memory_k': ['F32', 4, 2, 64], 'attn.memory_v': ['F32', 4, 2, 64] },
    },
    mended: {
      spec: attention('q_heads: 4', 'head_dim: 64', 'value_dim: 32', 'memory_kv: 2'),
      tensors: { 'attn.memory_k': ['F32', 4, 2, 64], 'attn.memory_v': ['F32', 4, 2, 32] },
    },
  }),
  MEM003: entry({
    slug: 'memory-key-width',
    severity: 'error',
    message: (a: { width: number; headDim: number }) =>
      `memory keys are ${a.width} wide, the attention's keys ${a.headDim}`,
    label: () => 'compared with whole keys',
    help: (a) => `use a checkpoint whose memory keys are ${a.headDim} wide, rotated entries included`,
    why: 'A query is compared with memory keys as with any other: `[kv_heads, M, head_dim]`. Positions that take entries of their own make keys wider than what they were projected to, memory keys too.',
    issue:
      'lucidrains/x-transformers: memory keys are allocated with dim_head, before a position scheme that widens queries and keys',
    failing: {
      spec: attention('q_heads: 4', 'head_dim: 96', 'value_dim: 64', 'memory_kv: 2'),
      tensors: { 'attn.memory_k': ['F32', 4, 2, 64], 'attn.memory_v': ['F32', 4, 2, 64] },
    },
    mended: {
      spec: attention('q_heads: 4', 'head_dim: 96', 'value_dim: 64', 'memory_kv: 2'),
      tensors: { 'attn.memory_k': ['F32', 4, 2, 96], 'attn.memory_v': ['F32', 4, 2, 64] },
    },
  }),
  MEM005: entry({
    slug: 'windowed-memory-undeclared',
    severity: 'error',
    message: () => 'there is a window, and memory or a zero column: it is not said whether the window can hide those',
    label: () => '`memory` is missing beside it',
    help: () =>
      'write `memory: always` (x-transformers), or `memory: windowed` if they count as the places before the first token',
    why: 'Memory has no position, so a window says nothing about it. Hidden behind the window, memory is lost to all but the first tokens.',
    issue: 'lucidrains/reformer-pytorch#88: memory with local attention heads',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'memory_kv: 4', 'mask: { causal: true, window: 128 }') },
    mended: {
      spec: attention(
        'q_heads: 8',
        'head_dim: 64',
        'memory_kv: 4',
        'mask: { causal: true, window: 128, memory: always }',
      ),
    },
  }),
  MEM006: entry({
    slug: 'memory-norm-undeclared',
    severity: 'error',
    message: () => 'keys are normalised and there are memory keys: it is not said whether the norm applies to those',
    label: () => '`normalized` is missing',
    help: () => 'write `normalized: true` (x-transformers qk_norm) or `normalized: false` (x-transformers qk_rmsnorm)',
    why: 'Both are in use, and the results differ without any error. A norm of a list may also say it for itself, with `memory`.',
    issue: 'lucidrains/x-transformers normalises memory keys with qk_norm and not with qk_rmsnorm',
    failing: { spec: attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: l2 }', 'memory_kv: 4') },
    mended: {
      spec: attention(
        'hidden: 512',
        'q_heads: 8',
        'qk_norm: { kind: l2 }',
        'memory_kv: { slots: 4, normalized: true }',
      ),
    },
  }),
};
