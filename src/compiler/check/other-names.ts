import { optionAt } from '../../../grammar/options.ts';

/** Names that other systems have for an option of ours, with the same values. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  'attention.q_heads': ['n_head', 'n_heads', 'num_heads', 'num_q_heads', 'num_attention_heads'],
  'attention.kv_heads': ['n_kv_heads', 'num_kv_heads', 'num_kv_groups', 'num_key_value_heads'],
  'attention.head_dim': ['dim_head', 'd_head', 'head_size'],
  'attention.one_kv_head': ['multi_query', 'attn_one_kv_head'],
  'attention.memory_kv.slots': ['num_mem_kv', 'attn_num_mem_kv'],
  'attention.rope.base': ['rope_theta', 'rope_base'],
  'attention.biases': ['use_bias', 'qkv_bias', 'attention_bias', 'attn_bias'],
  'attention.softcap': ['attn_logit_softcapping', 'logit_softcap'],
  'attention.head_mixing': ['talking_heads', 'attn_talking_heads'],
  'model.hidden': ['hidden_size', 'd_model', 'n_embd', 'emb_dim'],
  'model.layers': ['n_layer', 'n_layers', 'num_layers', 'num_hidden_layers', 'depth'],
  'model.vocab': ['vocab_size', 'n_vocab', 'd_vocab'],
  'model.context': ['n_ctx', 'max_seq_len', 'context_length', 'block_size', 'max_position_embeddings'],
  'model.tie_embeddings': ['tie_word_embeddings'],
  'model.norm.eps': ['rms_norm_eps', 'layer_norm_eps'],
  'mlp.width': ['intermediate_size', 'd_ff', 'ffn_dim', 'n_inner', 'hidden_dim'],
  'mlp.activation': ['hidden_act', 'act_fn'],
};

const places: ReadonlyMap<string, string> = new Map(
  Object.entries(otherNames).flatMap(([place, names]) => names.map((name): [string, string] => [name, place])),
);

/** Options whose values other systems write otherwise: the name alone is no mend. */
const otherValues: ReadonlySet<string> = new Set(['attention.head_mixing', 'attention.biases', 'mlp.activation']);

export interface OurName {
  /** Path of the option. */
  readonly place: string;
  /** The option that is meant, if it belongs where the name stands and takes the same values. */
  readonly here?: string;
  /** What to write. */
  readonly hint: string;
}

/** What a name of another system is called here. `free`: options that could stand in its place. */
export function ourName(name: string, free: readonly string[]): OurName | undefined {
  const place = places.get(name);
  if (place === undefined) return undefined;
  const path = place.split('.');
  const own = path.at(-1) ?? '';
  const value = optionAt(path)?.kind === 'map' ? '{ … }' : '…';
  const hint = `write \`${path.slice(0, -1).reduceRight((inner, key) => `${key}: { ${inner} }`, `${own}: ${value}`)}\``;
  return free.includes(own) && !otherValues.has(place) ? { place, here: own, hint } : { place, hint };
}

/** Every place that a name of another system stands for. */
export const namedPlaces: readonly string[] = Object.keys(otherNames);
