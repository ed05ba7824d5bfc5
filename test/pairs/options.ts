/** Options of x-transformers' `Attention` in its own words: arguments of the constructor, and of the call. */
export interface AttentionOption {
  readonly name: string;
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly call?: Readonly<Record<string, unknown>>;
  /** Tensors of the call, which cannot be written in JSON: dtype and shape. */
  readonly tensors?: Readonly<Record<string, unknown>>;
}

const rotary = { rotary_pos_emb: { dim: 8, base: 10_000, style: 'interleaved pairs' } };

export const attentionOptions: readonly AttentionOption[] = [
  { name: 'num_mem_kv', kwargs: { num_mem_kv: 3 } },
  { name: 'one_kv_head', kwargs: { one_kv_head: true } },
  { name: 'kv_heads', kwargs: { kv_heads: 2 } },
  { name: 'value_dim_head', kwargs: { value_dim_head: 12 } },
  { name: 'qk_norm', kwargs: { qk_norm: true, qk_norm_scale: 6 } },
  { name: 'qk_norm_groups', kwargs: { qk_norm: true, qk_norm_groups: 2 } },
  { name: 'qk_norm_dim_scale', kwargs: { qk_norm: true, qk_norm_dim_scale: true } },
  { name: 'qk_rmsnorm', kwargs: { qk_rmsnorm: true } },
  { name: 'k_rmsnorm', kwargs: { k_rmsnorm: true } },
  { name: 'value_rmsnorm', kwargs: { value_rmsnorm: true } },
  { name: 'pre_talking_heads', kwargs: { pre_talking_heads: true } },
  { name: 'post_talking_heads', kwargs: { post_talking_heads: true } },
  { name: 'pre_scale_post_talking_heads', kwargs: { pre_scale_post_talking_heads: true } },
  { name: 'head_scale', kwargs: { head_scale: true } },
  { name: 'sparse_topk', kwargs: { sparse_topk: 3 } },
  { name: 'rotary_pos_emb', call: rotary },
  { name: 'rotate_num_heads', kwargs: { rotate_num_heads: 2 }, call: rotary },
  { name: 'alibi', call: { alibi: { heads: 3, total_heads: 4 } } },
  { name: 't5', call: { t5_relative_bias: { num_buckets: 8, max_distance: 16, scale: 2, causal: true } } },
  { name: 'gate_values', kwargs: { gate_values: true } },
  { name: 'swiglu_values', kwargs: { gate_values: true, swiglu_values: true } },
  { name: 'gate_value_heads', kwargs: { gate_value_heads: true } },
  { name: 'on_attn', kwargs: { on_attn: true } },
  { name: 'add_zero_kv', kwargs: { add_zero_kv: true } },
  { name: 'head_learned_sink', kwargs: { head_learned_sink: true } },
  { name: 'softclamp_logits', kwargs: { softclamp_logits: true, logit_softclamp_value: 2 } },
  { name: 'sigmoid', kwargs: { sigmoid: true } },
  { name: 'l2_distance', kwargs: { l2_distance: true } },
  { name: 'max_attend_past', kwargs: { max_attend_past: 4 } },
  { name: 'flash', kwargs: { flash: true } },
];

/** What a call may be given beside its input. */
export const callOptions: readonly AttentionOption[] = [
  { name: 'mask', tensors: { 'in.mask': ['bool', [2, 6]] } },
  { name: 'attn_bias', tensors: { 'in.attn_bias': ['float32', [4, 6, 6]] } },
];

/** Pairs that x-transformers itself refuses, or that contradict each other, with the code that says so. */
export const refusedPairs: Readonly<Record<string, string>> = {
  'one_kv_head + kv_heads': 'IMP005',
  'one_kv_head + rotate_num_heads': 'ROPE004',
  'kv_heads + rotate_num_heads': 'ROPE004',
  'sparse_topk + sigmoid': 'IMP005',
  'alibi + t5': 'POS001',
};

export const refusedOverContext: Readonly<Record<string, string>> = {
  'one_kv_head + kv_heads': 'IMP005',
  'sparse_topk + sigmoid': 'IMP005',
};
