import {
  assume,
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

const table: FieldTable = {
  unsupported: { attention_bias: [false], mlp_bias: [false], sliding_window: [], partial_rotary_factor: [1] },
  noEffect: ['dropout', 'attention_dropout', 'flash_attn', 'initializer_range', 'use_cache'],
  silent: [
    '_name_or_path',
    'architectures',
    'auto_map',
    'bos_token_id',
    'dtype',
    'eos_token_id',
    'model_type',
    'pad_token_id',
    'torch_dtype',
    'transformers_version',
    'aux_loss_alpha',
    'router_aux_loss_coef',
    'seq_aux',
  ],
};

const activations = ['silu', 'gelu', 'relu', 'relu2'];
const activationAliases: Readonly<Record<string, string>> = {
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  swish: 'silu',
};

/** `config.json` of a MiniMind checkpoint. Defaults are those of its `MiniMindConfig`. */
export function importMiniMind(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  return { spec: importModel(config, options, log), comments: log.comments, notes: log.notes };
}

function importModel(config: ConfigObject, options: ImportOptions, log: ImportLog): SpecDraft | undefined {
  const fields = readFields(config, (key) => key, log);
  const vocab = fields.requiredInteger('vocab_size');
  const hidden = fields.requiredInteger('hidden_size');
  const layers = fields.requiredInteger('num_hidden_layers');
  const context = fields.positiveInteger('max_position_embeddings') ?? 32768;
  const heads = fields.positiveInteger('num_attention_heads') ?? 8;
  const kvHeads =
    fields.positiveInteger('num_key_value_heads') ?? (Object.hasOwn(config, 'num_key_value_heads') ? heads : 4);
  const eps = fields.number('rms_norm_eps') ?? 1e-6;
  const base = fields.number('rope_theta') ?? 1e6;
  const tied = fields.boolean('tie_word_embeddings', true);
  const headDim = fields.positiveInteger('head_dim') ?? derivedHeadDim(hidden, heads, log);
  const width = fields.positiveInteger('intermediate_size') ?? Math.ceil(((hidden ?? 0) * Math.PI) / 64) * 64;
  const activation = importActivation(fields, log);
  const experts = importExperts(fields, width, log);
  const yarn = importYarn(fields, { context, dim: headDim ?? 0, base }, log);
  fields.finish(table);
  if (vocab === undefined || hidden === undefined || layers === undefined || headDim === undefined) return undefined;
  assume(log, 'attention.qk_norm', 'model_type', 'MiniMind normalises q and k before RoPE');
  assume(log, 'attention.rope', 'rope_theta', 'MiniMind pairs entry e with e + dim / 2');
  const norm = { kind: 'rms', eps };
  return compact({
    gqac: 1,
    name: specName(options.name, 'minimind'),
    model: compact({ vocab, hidden, layers, context, tie_embeddings: tied || undefined, norm }),
    attention: {
      q_heads: heads,
      kv_heads: kvHeads,
      head_dim: headDim,
      ...yarn.attention,
      qk_norm: norm,
      rope: compact({ dim: headDim, base, pairing: 'half', scaling: yarn.scaling }),
      mask: { causal: true },
    },
    mlp: compact({ kind: 'gated', activation, width, experts: experts?.options }),
    weights: compact({ file: options.weightsFile, names: weightNames(tied, experts) }),
  });
}

function derivedHeadDim(hidden: number | undefined, heads: number, log: ImportLog): number | undefined {
  if (hidden === undefined || hidden % heads === 0) return hidden === undefined ? undefined : hidden / heads;
  say(
    log,
    'IMP005',
    'head_dim',
    `head_dim is missing, and hidden_size ${hidden} is not a multiple of ${heads} heads: add head_dim`,
  );
  return undefined;
}

function importActivation(fields: FieldReader, log: ImportLog): string {
  const written = fields.text('hidden_act') ?? 'silu';
  const activation = activationAliases[written] ?? written;
  if (activations.includes(activation) || activation === 'gelu_tanh') return activation;
  say(log, 'IMP002', 'hidden_act', `hidden_act: ${written} cannot be expressed in a spec yet`);
  return 'silu';
}

interface ImportedExperts {
  readonly options: SpecDraft;
  readonly hasShared: boolean;
}

/** Every layer has experts, or none has. Earlier configs speak of `n_routed_experts` and have a shared expert of the same width. */
function importExperts(fields: FieldReader, width: number, log: ImportLog): ImportedExperts | undefined {
  const used = fields.boolean('use_moe', false);
  const routed = fields.positiveInteger('n_routed_experts');
  const shared = fields.integerFrom('n_shared_experts', 0) ?? (routed === undefined ? 0 : 1);
  const count = routed ?? fields.positiveInteger('num_experts') ?? 4;
  const active = fields.positiveInteger('num_experts_per_tok') ?? (routed === undefined ? 1 : 2);
  const own = fields.positiveInteger('moe_intermediate_size');
  // The weight of a single expert is left as it is by the earlier models, and becomes 1 in later ones.
  const normalized = fields.boolean('norm_topk_prob', true) && (routed === undefined || active > 1);
  const scoring = fields.text('scoring_func') ?? 'softmax';
  if (!used) return undefined;
  const refuse = (key: string, what: string) =>
    say(log, 'IMP002', key, `${key}: ${what} cannot be expressed in a spec yet`);
  if (scoring !== 'softmax') refuse('scoring_func', scoring);
  if (shared > 1) refuse('n_shared_experts', `${shared} shared experts`);
  const hasShared = routed !== undefined && shared > 0;
  const options = { count, active, width: own, scoring: 'softmax', normalized, shared: hasShared ? width : undefined };
  return { options: compact(options), hasShared };
}

interface ImportedYarn {
  readonly scaling?: SpecDraft;
  readonly attention?: SpecDraft;
}

/**
 * MiniMind's YaRN changes the frequencies only when the model is longer than it was trained for, its attention factor counts always:
 * on the whole of each head, for queries and for keys. Its ramp ends within the r / 2 frequencies where that of transformers, which
 * specs have, may end beyond them: bases at which the two differ are refused.
 */
function importYarn(fields: FieldReader, place: RopePlace, log: ImportLog): ImportedYarn {
  const written = fields.object('rope_scaling');
  const builtIn = fields.boolean('inference_rope_scaling', false);
  if (written === undefined && !builtIn) return {};
  const name = written === undefined ? 'inference_rope_scaling' : 'rope_scaling';
  const scaling = readFields(written ?? {}, (key) => `rope_scaling.${key}`, log);
  const original = scaling.positiveInteger('original_max_position_embeddings') ?? 2048;
  const factor = scaling.number('factor') ?? 16;
  const betaFast = scaling.number('beta_fast') ?? 32;
  const betaSlow = scaling.number('beta_slow') ?? 1;
  const attentionFactor = scaling.number('attention_factor') ?? 1;
  scaling.finish({ unsupported: { type: ['yarn'], rope_type: ['yarn'] }, noEffect: [], silent: [] });
  if (place.context <= original) {
    const unscaled = `${place.context} positions are within the original ${original}`;
    if (attentionFactor === 1) {
      say(log, 'IMP004', name, `${name} has no effect: ${unscaled}`);
      return {};
    }
    assume(log, 'attention.scale', name, `${unscaled}: only the attention factor counts, for queries and for keys`);
    return { attention: { scale: place.dim ** -0.5 * attentionFactor ** 2 } };
  }
  const turning = (rotations: number) =>
    (place.dim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(place.base));
  const start = Math.max(Math.floor(turning(betaFast)), 0);
  const end = Math.ceil(turning(betaSlow));
  if (!(start <= end && end < place.dim / 2)) {
    say(log, 'IMP002', name, `${name}: MiniMind's YaRN with a base of ${place.base} cannot be expressed in a spec yet`);
    return {};
  }
  return {
    scaling: {
      kind: 'yarn',
      factor,
      original_context: original,
      beta_fast: betaFast,
      beta_slow: betaSlow,
      attention_factor: attentionFactor,
    },
  };
}

interface RopePlace {
  readonly context: number;
  readonly dim: number;
  readonly base: number;
}

function weightNames(tied: boolean, experts: ImportedExperts | undefined): SpecDraft {
  const layer = 'model.layers.{i}';
  const matrices = (own: string, theirs: string) =>
    ['gate', 'up', 'down'].map((name) => [
      `layers.{i}.mlp.${own}${name}.weight`,
      `${layer}.mlp.${theirs}${name}_proj.weight`,
    ]);
  return compact({
    'embed.weight': 'model.embed_tokens.weight',
    'layers.{i}.attn_norm.weight': `${layer}.input_layernorm.weight`,
    'layers.{i}.attn.q.weight': `${layer}.self_attn.q_proj.weight`,
    'layers.{i}.attn.k.weight': `${layer}.self_attn.k_proj.weight`,
    'layers.{i}.attn.v.weight': `${layer}.self_attn.v_proj.weight`,
    'layers.{i}.attn.o.weight': `${layer}.self_attn.o_proj.weight`,
    'layers.{i}.attn.q_norm.weight': `${layer}.self_attn.q_norm.weight`,
    'layers.{i}.attn.k_norm.weight': `${layer}.self_attn.k_norm.weight`,
    'layers.{i}.mlp_norm.weight': `${layer}.post_attention_layernorm.weight`,
    'layers.{i}.mlp.router.weight': experts && `${layer}.mlp.gate.weight`,
    ...Object.fromEntries(experts ? matrices('experts.', 'experts.{e}.') : matrices('', '')),
    ...Object.fromEntries(experts?.hasShared ? matrices('shared.', 'shared_experts.0.') : []),
    'final_norm.weight': 'model.norm.weight',
    'head.weight': tied ? undefined : 'lm_head.weight',
  });
}
