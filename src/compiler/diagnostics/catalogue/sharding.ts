import { alternatives, attention, count, entry } from '../entry.ts';

export const shardingRules = {
  SHD001: entry({
    slug: 'heads-not-shardable',
    severity: 'error',
    message: (a: { shards: number; heads: number; of: 'q_heads' | 'kv_heads'; possible: readonly number[] }) =>
      a.of === 'q_heads'
        ? `${count(a.heads, 'query head')} cannot be spread evenly over ${count(a.shards, 'shard')}`
        : `${count(a.heads, 'KV head')} can neither be split over ${count(a.shards, 'shard')} nor be copied to them evenly`,
    label: (a) => count(a.heads, a.of === 'q_heads' ? 'query head' : 'KV head'),
    help: (a) => `these heads go with ${alternatives(a.possible)} shards`,
    why: 'With tensor parallelism each shard holds whole heads: kv_heads / N of them, or one of kv_heads that N / kv_heads shards share; and q_heads / N query heads. Checked with `--shards N` only.',
    issue: 'pytorch/torchtitan#2574, huggingface/transformers#48307',
    failing: { spec: attention('q_heads: 24', 'kv_heads: 8', 'head_dim: 64'), shards: 6 },
    mended: { spec: attention('q_heads: 24', 'kv_heads: 6', 'head_dim: 64'), shards: 6 },
  }),
};
