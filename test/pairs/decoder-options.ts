import { attentionOptions } from './options.ts';

/** Arguments of x-transformers' `TransformerWrapper` and `Decoder`, in its own words. */
export interface DecoderOption {
  readonly name: string;
  readonly wrapper?: Readonly<Record<string, unknown>>;
  readonly decoder?: Readonly<Record<string, unknown>>;
}

/** What a `Decoder` hands to its attentions; positions and the rotated heads are its own. */
const ofAttention: readonly DecoderOption[] = attentionOptions.flatMap(({ name, kwargs, call }) => {
  if (kwargs === undefined || call !== undefined) return [];
  const decoder = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [`attn_${key}`, value]));
  return [{ name: `attn_${name}`, decoder }];
});

const own: readonly DecoderOption[] = [
  { name: 'rotary_pos_emb', decoder: { rotary_pos_emb: true } },
  { name: 'rotary_emb_dim', decoder: { rotary_pos_emb: true, rotary_emb_dim: 8 } },
  { name: 'rotate_num_heads', decoder: { rotary_pos_emb: true, rotate_num_heads: 2 } },
  { name: 'alibi_pos_bias', decoder: { alibi_pos_bias: true } },
  { name: 'alibi_num_heads', decoder: { alibi_pos_bias: true, alibi_num_heads: 3 } },
  { name: 'rel_pos_bias', decoder: { rel_pos_bias: true, rel_pos_num_buckets: 8, rel_pos_max_distance: 16 } },
  { name: 'add_value_residual', decoder: { add_value_residual: true, learned_value_residual_mix: false } },
  { name: 'learned_value_residual_mix', decoder: { add_value_residual: true } },
  { name: 'use_rmsnorm', decoder: { use_rmsnorm: true } },
  { name: 'norm_add_unit_offset', decoder: { norm_add_unit_offset: false } },
  { name: 'disable_abs_pos_emb', decoder: { disable_abs_pos_emb: true } },
  { name: 'ff_glu', decoder: { ff_glu: true } },
  { name: 'ff_swish', decoder: { ff_swish: true } },
  { name: 'ff_relu_squared', decoder: { ff_relu_squared: true } },
  { name: 'ff_no_bias', decoder: { ff_no_bias: true } },
  { name: 'ff_mult', decoder: { ff_mult: 2 } },
  { name: 'tie_embedding', wrapper: { tie_embedding: true } },
  { name: 'use_abs_pos_emb', wrapper: { use_abs_pos_emb: false } },
];

export const decoderOptions: readonly DecoderOption[] = [...ofAttention, ...own];

export const configOf = (options: readonly DecoderOption[]) => ({
  wrapper: { num_tokens: 11, max_seq_len: 12, ...Object.assign({}, ...options.map(({ wrapper }) => wrapper)) },
  decoder: {
    dim: 24,
    depth: 2,
    heads: 4,
    attn_dim_head: 8,
    ...Object.assign({}, ...options.map(({ decoder }) => decoder)),
  },
});

/** Two options that give one argument different values are no pair. */
export const agree = (a: DecoderOption, b: DecoderOption) =>
  (['wrapper', 'decoder'] as const).every((part) =>
    Object.entries(a[part] ?? {}).every(([key, value]) => b[part]?.[key] === undefined || b[part]?.[key] === value),
  );
