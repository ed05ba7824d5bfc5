import { attention, count, entry } from '../entry.ts';

export const cacheRules = {
  KVC001: entry({
    slug: 'cache-head-count',
    severity: 'error',
    message: (a: { heads: number; kvHeads: number }) =>
      `the cache has ${count(a.heads, 'head')}, the attention has ${count(a.kvHeads, 'KV head')}`,
    label: (a) => `expected ${a.kvHeads}`,
    help: () => 'delete `heads`: the cache of a layer always has the KV heads of that layer',
    why: 'Keys and values are stored once for each KV head. A cache with the query heads is G times too large, and one shape for layers with different KV heads fits some of them only.',
    issue: 'pytorch/torchtune#38 (a cache with the query heads), EricLBuehler/mistral.rs#1952 (layers that differ)',
    failing: {
      spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2', 'cache: { heads: 8 }'),
    },
    mended: { spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2') },
  }),
  KVC002: entry({
    slug: 'cache-range-beyond-heads',
    severity: 'error',
    message: (a: { heads: readonly number[]; kvHeads: number }) =>
      `there is no KV head ${a.heads.join(' or ')}: the attention has ${count(a.kvHeads, 'KV head')}`,
    label: (a) => (a.kvHeads === 1 ? 'expected 0' : `expected heads from 0 to ${a.kvHeads - 1}`),
    help: () => 'ranges count KV heads, from 0 on: query heads of a group share what is cached',
    why: 'A range says how keys and values of some KV heads are stored. A query head has none of its own.',
    failing: {
      spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2', 'cache: { ranges: { kv_heads: [2], dtype: f16 } }'),
    },
    mended: {
      spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2', 'cache: { ranges: { kv_heads: [1], dtype: f16 } }'),
    },
  }),
  KVC003: entry({
    slug: 'cache-ranges-overlap',
    severity: 'error',
    message: (a: { head: number }) => `KV head ${a.head} is in two ranges`,
    label: () => 'the second',
    help: (a) => `delete ${a.head} from one of them`,
    why: 'A KV head is stored once, in one precision.',
    failing: {
      spec: attention(
        'hidden: 512',
        'q_heads: 8',
        'cache: { dtype: f16, ranges: [{ kv_heads: [0, 1], dtype: f32 }, { kv_heads: [1, 2], dtype: f32 }] }',
      ),
    },
    mended: {
      spec: attention(
        'hidden: 512',
        'q_heads: 8',
        'cache: { dtype: f16, ranges: [{ kv_heads: [0, 1], dtype: f32 }, { kv_heads: [2], dtype: f32 }] }',
      ),
    },
  }),
  WIN003: entry({
    slug: 'ring-smaller-than-window',
    severity: 'error',
    message: (a: { rows: number; reach: number; longestCall: number; needed: number }) =>
      `a ring of ${count(a.rows, 'row')} does not hold the ${count(a.reach, 'key')} that a query sees through a call of ${count(a.longestCall, 'token')}`,
    label: (a) => `expected ${a.needed} or more`,
    help: (a) => `write \`capacity: ${a.needed}\`${a.longestCall > 1 ? ', or a smaller `prefill_chunk`' : ''}`,
    why: 'All tokens of a call are written before the first of them is answered: its window then still has to be there. A ring needs window + longest call − 1 rows; with fewer, new keys take the places of keys that are still seen.',
    issue: 'Lightning-AI/litgpt#2215: with a ring of the window’s size, queries of a prefill saw keys of later tokens',
    failing: {
      spec: attention(
        'hidden: 512',
        'q_heads: 8',
        'mask: { causal: true, window: 128 }',
        'cache: { kind: ring, capacity: 128, prefill_chunk: 64 }',
      ),
    },
    mended: {
      spec: attention(
        'hidden: 512',
        'q_heads: 8',
        'mask: { causal: true, window: 128 }',
        'cache: { kind: ring, capacity: 191, prefill_chunk: 64 }',
      ),
    },
  }),
};
