import type { Config, ConfigValue, ExportedModel } from './fields.ts';

/**
 * Fields that only some model types read, and what they are for a model. One name means one thing in all types that read it; which
 * do is known to the importer's table alone, so a config is first given all of these, and then loses those that its type does not read.
 */
export function extraFields(exported: ExportedModel): Config {
  const all = [
    biasFields(exported),
    joinFields(exported),
    factorFields(exported),
    layerFields(exported),
    normFields(exported),
    headFields(exported),
    alibiFields(exported),
    expertFields(exported),
    latentFields(exported),
    encoderFields(exported),
  ];
  return Object.assign({}, ...all);
}

/** Of the extra fields, those that a reader looks for even where they are what the type would take them for. */
export function sizeFields(exported: ExportedModel): Config {
  return { ...expertFields(exported), ...latentFields(exported) };
}

function biasFields({ attention: { biases, latent }, mlp }: ExportedModel): Config {
  return {
    attention_bias: latent?.bias ?? biases.q,
    attention_out_bias: biases.o,
    use_qkv_bias: biases.q,
    qkv_bias: biases.q,
    use_bias: biases.q,
    bias: biases.q,
    enable_bias: biases.q,
    mlp_bias: mlp.biases.up,
  };
}

/** How attention and MLP are joined. */
function joinFields({ model: { block, finalNorm } }: ExportedModel): Config {
  const isParallel = block.parallel !== 'none';
  return {
    use_parallel_residual: isParallel,
    parallel_attn: isParallel,
    new_decoder_architecture: block.parallel === 'two_norms',
    do_layer_norm_before: block.norms === 'pre',
    _remove_final_layer_norm: finalNorm === undefined && block.norms === 'pre',
    residual_multiplier: block.residualScale,
  };
}

function factorFields({ model, attention }: ExportedModel): Config {
  const { head } = model;
  const scale = head.kind === 'logits' ? head.scale : 1;
  return {
    embedding_multiplier: model.embeddingScale,
    attention_multiplier: attention.scale,
    query_pre_attn_scalar: inverse(attention.scale ** 2),
    scale_attn_weights: attention.scale !== 1,
    logit_scale: scale,
    logits_scaling: inverse(scale),
    attn_logit_softcapping: attention.softcap?.cap ?? null,
    final_logit_softcapping: (head.kind === 'logits' ? head.softcap : undefined) ?? null,
    clip_qkv: attention.clipQkv ?? null,
  };
}

/** A number and its inverse were not both exact: 1 / 144 is not, 144 is. */
const inverse = (value: number): number => Number((1 / value).toPrecision(12));

function layerFields({ layers }: ExportedModel): Config {
  const windows = layers.map(({ attention }) => attention.mask.window);
  const window = windows.find((one) => one !== undefined) ?? null;
  const isMixed = window !== null && windows.includes(undefined);
  const turning = layers.map(({ attention }) => attention.rope !== undefined);
  const local = layers.find(({ attention }) => attention.mask.window !== undefined)?.attention.rope?.base;
  return {
    sliding_window: window,
    use_sliding_window: window !== null,
    max_window_layers: window === null ? layers.length : 0,
    ...(isMixed && { layer_types: windows.map((one) => (one === undefined ? 'full_attention' : 'sliding_attention')) }),
    window_size: window ?? 256,
    attention_types: [[windows.map((one) => (one === undefined ? 'global' : 'local')), 1]],
    ...(local !== undefined && { rope_local_base_freq: local }),
    no_rope_layers: turning.map((turns) => (turns ? 1 : 0)),
  };
}

function normFields({ attention: { qkNorms }, model }: ExportedModel): Config {
  return {
    qk_layernorm: qkNorms.length > 0,
    use_qk_norm: qkNorms.length > 0,
    layer_norm_elementwise_affine: model.layerNorms.attention?.weight ?? true,
  };
}

function headFields({ attention: { heads, rope }, model }: ExportedModel): Config {
  return {
    multi_query: heads.kvHeads === 1,
    num_kv_heads: heads.kvHeads,
    word_embed_proj_dim: model.embeddingWidth ?? model.hidden,
    ...(rope !== undefined && { rotary_dim: rope.dim }),
    ...(rope?.scaling !== undefined &&
      'originalContext' in rope.scaling && { original_max_position_embeddings: rope.scaling.originalContext }),
  };
}

function alibiFields({ attention: { biasPosition, clipQkv, scale } }: ExportedModel): Config {
  const alibi = biasPosition?.kind === 'alibi';
  const nested: ConfigValue = { alibi, clip_qkv: clipQkv ?? null, softmax_scale: scale };
  return { alibi, attn_config: nested };
}

function expertFields({ layers }: ExportedModel): Config {
  const first = layers.findIndex(({ mlp }) => mlp?.experts !== undefined);
  const mlp = layers[first]?.mlp;
  const experts = mlp?.experts;
  if (experts === undefined) return {};
  const dense = layers.flatMap((layer, index) => (layer.mlp?.experts === undefined ? [index] : []));
  return {
    num_local_experts: experts.count,
    num_experts: experts.count,
    n_routed_experts: experts.count,
    num_experts_per_tok: experts.active,
    moe_intermediate_size: experts.width,
    norm_topk_prob: experts.normalized,
    decoder_sparse_step: 1,
    mlp_only_layers: dense,
    first_k_dense_replace: first,
    ...(experts.shared && { shared_expert_intermediate_size: experts.shared.width }),
    n_shared_experts: experts.shared === undefined ? null : experts.shared.width / experts.width,
    n_group: experts.groups?.count ?? 1,
    topk_group: experts.groups?.active ?? 1,
    ...(experts.groups?.top === 1 && { topk_method: 'group_limited_greedy' }),
    routed_scaling_factor: experts.routedScale,
    use_moe: true,
  };
}

function latentFields({ attention: { latent, valueDim } }: ExportedModel): Config {
  if (latent === undefined) return {};
  return {
    q_lora_rank: latent.qRank ?? null,
    kv_lora_rank: latent.kvRank,
    qk_nope_head_dim: latent.nopeDim,
    qk_rope_head_dim: latent.ropeDim,
    v_head_dim: valueDim,
  };
}

function encoderFields({ model: { tokenTypes, head }, attention }: ExportedModel): Config {
  if (attention.mask.causal) return {};
  return {
    ...(tokenTypes !== undefined && { type_vocab_size: tokenTypes }),
    ...(head.kind === 'logits' && { architectures: ['ForMaskedLM'] }),
  };
}
