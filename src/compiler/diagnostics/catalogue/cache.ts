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
