import { describe, expect, it } from 'vitest';
import { useDevice } from '../numeric/harness.ts';
import { agree, configOf, decoderOptions } from './decoder-options.ts';
import { groupsOf, pairsOf } from './groups.ts';
import { expectGroups, refusalsOf } from './run.ts';

const pairs = pairsOf(decoderOptions, agree);

/** Pairs that x-transformers itself refuses, or that contradict each other, with the code that says so. */
const refused: Readonly<Record<string, string>> = {
  'attn_one_kv_head + attn_kv_heads': 'IMP005',
  'attn_one_kv_head + rotate_num_heads': 'ROPE004',
  'attn_kv_heads + rotate_num_heads': 'ROPE004',
  'attn_sparse_topk + attn_sigmoid': 'IMP005',
  'alibi_pos_bias + rel_pos_bias': 'POS001',
  'alibi_num_heads + rel_pos_bias': 'POS001',
};

describe('arguments of a Decoder', () => {
  const gpu = useDevice();

  it('are accepted in every pair, but for the pairs that contradict each other', { timeout: 120_000 }, () => {
    expect(pairs.length).toBeGreaterThan(900);
    expect(refusalsOf(pairs, configOf)).toEqual(refused);
  });

  it('compute what the reference computes, every pair of them in some group', { timeout: 600_000 }, async () => {
    const groups = groupsOf(
      pairs.filter(({ name }) => !(name in refused)),
      16,
    );
    await expectGroups(groups, configOf, gpu.device);
  });
});
