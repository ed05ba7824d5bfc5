import {
  compact,
  type ImportLog,
  type ImportOptions,
  type ImportResult,
  type SpecDraft,
  say,
  specName,
  startLog,
} from './draft.ts';
import { type ConfigObject, type FieldReader, type FieldTable, readFields } from './fields.ts';
import type { LayerFacts } from './hf/architecture.ts';
import { draftLayers } from './hf/layer-kinds.ts';

const table: FieldTable = {
  unsupported: {
    attn_only: [false],
    load_in_4bit: [false],
    use_NTK_by_parts_rope: [false],
    post_embedding_ln: [false],
  },
  noEffect: [],
  silent: [
    'NTK_by_parts_factor',
    'NTK_by_parts_high_freq_factor',
    'NTK_by_parts_low_freq_factor',
    'NTK_original_ctx_len',
    'checkpoint_index',
    'checkpoint_label_type',
    'checkpoint_value',
    'decoder_start_token_id',
    'default_prepend_bos',
    'device',
    'dtype',
    'final_rms',
    'from_checkpoint',
    'init_mode',
    'init_weights',
    'initializer_range',
    'model_name',
    'n_devices',
    'n_params',
    'original_architecture',
    'relative_attention_max_distance',
    'relative_attention_num_buckets',
    'seed',
    'tokenizer_name',
    'tokenizer_prepends_bos',
    'trust_remote_code',
    'ungroup_grouped_query_attention',
    'use_attn_in',
    'use_attn_result',
    'use_hook_mlp_in',
    'use_hook_tokens',
  ],
};

/** A `HookedTransformerConfig` as a dictionary. Weights keep their canonical names: those of TransformerLens are split otherwise. */
export function importTransformerLens(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  return { spec: importModel(config, options, log), comments: log.comments, notes: log.notes };
}

interface Sizes {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
}

function importModel(config: ConfigObject, options: ImportOptions, log: ImportLog): SpecDraft | undefined {
  const fields = readFields(config, (key) => key, log);
  const vocab = fields.requiredInteger('d_vocab');
  const hidden = fields.requiredInteger('d_model');
  const layers = fields.requiredInteger('n_layers');
  const headDim = fields.requiredInteger('d_head');
  const context = fields.requiredInteger('n_ctx');
  const heads = fields.positiveInteger('n_heads') ?? Math.floor((hidden ?? 0) / (headDim ?? 1));
  if (vocab === undefined || hidden === undefined || layers === undefined) return undefined;
  if (headDim === undefined || context === undefined) return undefined;
  const sizes: Sizes = { hidden, layers, heads, headDim };
  const norm = importNorm(fields, log);
  const facts = layerFacts(fields, layers, log);
  const attention = importAttention(fields, sizes, log);
  const mlp = importMlp(fields, sizes, log);
  const byLayer = fields.boolean('scale_attn_by_inverse_layer_idx', false);
  const scale = typeof attention.scale === 'number' ? attention.scale : headDim ** -0.5;
  const drafts = facts.map(({ window }, layer) => ({
    attention: compact({
      ...attention,
      scale: byLayer ? scale / (layer + 1) : attention.scale,
      mask: compact({ causal: fields.text('attention_dir') !== 'bidirectional', window }),
    }),
    mlp,
  }));
  const model = compact({
    vocab,
    hidden,
    layers,
    context,
    tie_embeddings: fields.boolean('tie_word_embeddings', false) || undefined,
    positions: isStandard(fields) ? { kind: 'learned' } : undefined,
    norm,
    block: importBlock(fields),
    final_softcap: capOf(fields, 'output_logits_soft_cap'),
    head: { bias: true },
  });
  refuseOtherVocabulary(fields, vocab, log);
  fields.finish(table);
  const name = specName(options.name ?? fields.text('model_name'), 'transformer_lens');
  return compact({ gqac: 1, name, model, ...draftLayers(drafts, facts) });
}

const isStandard = (fields: FieldReader) => positionsOf(fields) === 'standard';
const positionsOf = (fields: FieldReader) => fields.text('positional_embedding_type') ?? 'standard';

/** −1 is no cap. */
function capOf(fields: FieldReader, key: string): number | undefined {
  const cap = fields.number(key);
  return cap !== undefined && cap > 0 ? cap : undefined;
}

/** Folded norms (`…Pre`) have no weights left. */
function importNorm(fields: FieldReader, log: ImportLog): SpecDraft {
  const written = fields.text('normalization_type') ?? 'none';
  const known: Readonly<Record<string, SpecDraft>> = {
    LN: { kind: 'layer' },
    LNPre: { kind: 'layer', weight: false },
    RMS: { kind: 'rms' },
    RMSPre: { kind: 'rms', weight: false },
  };
  const norm = Object.hasOwn(known, written) ? known[written] : undefined;
  if (norm === undefined) refuse(fields, 'normalization_type', written, log);
  return { ...norm, eps: fields.number('eps') ?? 1e-5 };
}

function importBlock(fields: FieldReader): SpecDraft | undefined {
  const isParallel = fields.boolean('parallel_attn_mlp', false);
  const isSandwich = fields.boolean('use_normalization_before_and_after', false);
  if (isParallel) return { parallel: 'two_norms' };
  return isSandwich ? { norms: 'sandwich' } : undefined;
}

function importAttention(fields: FieldReader, { heads, headDim }: Sizes, log: ImportLog): SpecDraft {
  const positions = positionsOf(fields);
  if (!['standard', 'rotary', 'alibi'].includes(positions)) refuse(fields, 'positional_embedding_type', positions, log);
  const isScaled = fields.boolean('use_attn_scale', true);
  const scale = fields.number('attn_scale');
  const eps = fields.number('eps') ?? 1e-5;
  const rotary = {
    dim: fields.positiveInteger('rotary_dim') ?? headDim,
    base: fields.number('rotary_base') ?? 10000,
    pairing: fields.boolean('rotary_adjacent_pairs', false) ? 'interleaved' : 'half',
  };
  return compact({
    q_heads: heads,
    kv_heads: fields.positiveInteger('n_key_value_heads') ?? heads,
    head_dim: headDim,
    inputs: fields.boolean('use_split_qkv_input', false) ? 'split_qkv' : undefined,
    scale: isScaled ? (scale !== undefined && scale > 0 ? 1 / scale : undefined) : 1,
    qk_norm: fields.boolean('use_qk_norm', false) ? { kind: 'rms', eps } : undefined,
    rope: positions === 'rotary' ? rotary : undefined,
    alibi: positions === 'alibi' ? { heads } : undefined,
    softcap: capOf(fields, 'attn_scores_soft_cap'),
    biases: ['q', 'k', 'v', 'o'],
  });
}

function importMlp(fields: FieldReader, { hidden }: Sizes, log: ImportLog): SpecDraft {
  const isGated = fields.boolean('gated_mlp', false);
  const experts = fields.positiveInteger('num_experts');
  const active = fields.positiveInteger('experts_per_token');
  return compact({
    kind: isGated ? 'gated' : 'plain',
    activation: importActivation(fields, log),
    width: fields.positiveInteger('d_mlp') ?? 4 * hidden,
    biases: ['up', 'down'],
    experts:
      experts === undefined ? undefined : { count: experts, active: active ?? 1, scoring: 'softmax', normalized: true },
  });
}

const activations: Readonly<Record<string, string>> = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  relu: 'relu',
  silu: 'silu',
};

function importActivation(fields: FieldReader, log: ImportLog): string {
  const written = fields.text('act_fn') ?? 'relu';
  const known = Object.hasOwn(activations, written) ? activations[written] : undefined;
  if (known === undefined) refuse(fields, 'act_fn', written, log);
  return known ?? 'relu';
}

function layerFacts(fields: FieldReader, layers: number, log: ImportLog): readonly LayerFacts[] {
  const window = fields.positiveInteger('window_size');
  const isLocal = fields.boolean('use_local_attn', false);
  const types = fields.words('attn_types', ['global', 'local'] as const);
  if (isLocal && types?.length !== layers)
    say(log, 'IMP005', 'attn_types', `attn_types has ${types?.length ?? 0} entries for ${layers} layers`);
  return Array.from({ length: layers }, (_, layer) =>
    isLocal && window !== undefined && types?.[layer] === 'local'
      ? { type: 'sliding_attention', window }
      : { type: 'full_attention' },
  );
}

function refuseOtherVocabulary(fields: FieldReader, vocab: number, log: ImportLog): void {
  const out = fields.positiveInteger('d_vocab_out');
  if (out !== undefined && out !== vocab) refuse(fields, 'd_vocab_out', String(out), log);
}

function refuse(fields: FieldReader, key: string, value: string, log: ImportLog): void {
  say(log, 'IMP002', fields.path(key), `${fields.path(key)}: ${value} cannot be expressed in a spec yet`);
}
