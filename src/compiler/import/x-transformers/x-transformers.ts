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
} from '../draft.ts';
import { type ConfigObject, type FieldReader, isObject, readFields } from '../fields.ts';
import { defaultHeadDim, defaultHeads, importAttention } from './attention.ts';
import { importCall, ropeDraft } from './call.ts';
import { importPositions, importValueResidual } from './decoder.ts';
import { decoderTable, feedForwardTable, wrapperTable } from './options.ts';
import { attentionNames, type ModelParts, modelNames } from './weights.ts';

/**
 * Keyword arguments of x-transformers as JSON: `{ wrapper, decoder }` for `TransformerWrapper(attn_layers = Decoder(...))`,
 * or `{ kwargs, call }` for one `Attention`. Defaults are those of x-transformers 2.26.4.
 */
export function importXTransformers(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  const { wrapper, decoder, kwargs } = config;
  const part = (key: string) => (isObject(config[key]) ? config[key] : {});
  let spec: SpecDraft | undefined;
  if (isObject(wrapper) && isObject(decoder)) spec = importModel(wrapper, decoder, options, log);
  else if (isObject(kwargs)) {
    spec = importBareAttention({ kwargs, call: part('call'), tensors: part('tensors') }, options, log);
  } else say(log, 'IMP006', '', 'neither wrapper and decoder nor kwargs: not keyword arguments of x-transformers');
  for (const key of ['encoder', 'cross_attender']) {
    if (Object.hasOwn(config, key)) say(log, 'IMP002', key, `${key}: only a Decoder can be expressed in a spec yet`);
  }
  return { spec, comments: log.comments, notes: log.notes };
}

interface BareAttention {
  readonly kwargs: ConfigObject;
  readonly call: ConfigObject;
  readonly tensors: ConfigObject;
}

function importBareAttention({ kwargs, call, tensors }: BareAttention, options: ImportOptions, log: ImportLog) {
  const fields = readFields(kwargs, (key) => `kwargs.${key}`, log);
  const hidden = fields.requiredInteger('dim');
  const outHidden = fields.positiveInteger('dim_out') ?? hidden;
  const heads = fields.positiveInteger('heads') ?? defaultHeads;
  const causal = fields.boolean('causal', false);
  const rotated = fields.positiveInteger('rotate_num_heads');
  const plan = importCall(call, tensors, heads, log);
  const attention = importAttention(
    fields,
    {
      heads,
      causal,
      hidden,
      call: plan,
      ...(outHidden !== undefined && { outHidden }),
      ...(rotated !== undefined && { rotatedHeads: { count: rotated, place: fields.path('rotate_num_heads') } }),
    },
    log,
  );
  if (hidden === undefined) return undefined;
  const names = { ...attention.names, ...(plan.t5 && { 't5.weight': 'relative_attention_bias' }) };
  const widths = compact({ hidden, out_hidden: outHidden === hidden ? undefined : outHidden });
  return compact({
    gqac: 1,
    name: specName(options.name, 'attention'),
    attention: { ...attention.options, ...widths },
    weights: compact({ file: options.weightsFile, names: attentionNames(names) }),
  });
}

function importModel(wrapper: ConfigObject, decoder: ConfigObject, options: ImportOptions, log: ImportLog) {
  const outer = readFields(wrapper, (key) => `wrapper.${key}`, log);
  const { own, attn, ff } = splitPrefixes(decoder);
  const inner = readFields(own, (key) => `decoder.${key}`, log);
  const attnFields = readFields(attn, (key) => `decoder.attn_${key}`, log);
  const vocab = outer.requiredInteger('num_tokens');
  const context = outer.requiredInteger('max_seq_len');
  const hidden = inner.requiredInteger('dim');
  const layers = inner.requiredInteger('depth');
  const tied = outer.boolean('tie_embedding', false);
  const headDim = attnFields.positiveInteger('dim_head') ?? defaultHeadDim;
  const rope = importRotary(inner, headDim, log);
  const heads = inner.positiveInteger('heads') ?? defaultHeads;
  const bias = importPositions(inner, heads, headDim);
  const rotated = inner.positiveInteger('rotate_num_heads');
  const residual = importValueResidual(inner, layers, log);
  const attention = importAttention(
    attnFields,
    {
      heads,
      causal: true,
      inDecoder: true,
      hidden,
      call: { ...bias, ...(rope && { rope }) },
      ...(rotated !== undefined && { rotatedHeads: { count: rotated, place: inner.path('rotate_num_heads') } }),
      ...(residual && { valueResidual: residual }),
    },
    log,
  );
  const norm = importNorm(inner, log);
  const learned = hasLearnedPositions(outer, inner, rope !== undefined || bias.t5 !== undefined);
  const mlp = importFeedForward(
    readFields(ff, (key) => `decoder.ff_${key}`, log),
    hidden ?? 0,
  );
  inner.finish(decoderTable);
  outer.finish(wrapperTable);
  if (vocab === undefined || context === undefined || hidden === undefined || layers === undefined) return undefined;
  if (learned) {
    assume(log, 'model.positions', 'wrapper.use_abs_pos_emb', 'x-transformers scales learned positions by dim ** -0.5');
  }
  const parts: ModelParts = {
    ...mlp,
    rms: norm.kind === 'rms',
    attention: attention.names,
    t5: bias.t5 !== undefined,
    learned,
    tied,
  };
  return compact({
    gqac: 1,
    name: specName(options.name, 'decoder'),
    model: compact({
      vocab,
      hidden,
      layers,
      context,
      tie_embeddings: tied || undefined,
      positions: learned ? { kind: 'learned', scale: hidden ** -0.5 } : undefined,
      norm,
    }),
    attention: attention.options,
    mlp: compact({
      kind: mlp.gated ? 'gated' : 'plain',
      activation: mlp.activation,
      width: mlp.width,
      biases: mlp.biases.length > 0 ? mlp.biases : undefined,
    }),
    weights: compact({ file: options.weightsFile, names: modelNames(parts) }),
  });
}

/** x-transformers hands arguments with a prefix to the attention and to the feed-forward, without it. */
function splitPrefixes(decoder: ConfigObject) {
  const entries = Object.entries(decoder);
  const without = (prefix: string) =>
    Object.fromEntries(
      entries.filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
    );
  const own = Object.fromEntries(entries.filter(([key]) => !key.startsWith('attn_') && !key.startsWith('ff_')));
  return { own, attn: without('attn_'), ff: without('ff_') };
}

function importRotary(decoder: FieldReader, headDim: number, log: ImportLog): SpecDraft | undefined {
  if (!decoder.boolean('rotary_pos_emb', false)) return undefined;
  const dim = decoder.positiveInteger('rotary_emb_dim') ?? Math.floor(headDim / 2);
  return ropeDraft(dim, 10000, decoder.path('rotary_pos_emb'), log);
}

/** RoPE and T5 biases take their place, ALiBi does not. */
function hasLearnedPositions(wrapper: FieldReader, decoder: FieldReader, relative: boolean): boolean {
  const wanted = wrapper.boolean('use_abs_pos_emb', true);
  const disabled = decoder.boolean('disable_abs_pos_emb', relative);
  return wanted && !disabled;
}

function importNorm(decoder: FieldReader, log: ImportLog): SpecDraft {
  const rms = decoder.boolean('use_rmsnorm', false);
  const offset = decoder.boolean('norm_add_unit_offset', true);
  const place = decoder.path(rms ? 'use_rmsnorm' : 'norm_add_unit_offset');
  const stored = offset ? ', its weight is stored minus one' : '';
  assume(
    log,
    'model.norm',
    place,
    `${rms ? 'RMSNorm has no eps' : 'LayerNorm has no bias'} in x-transformers${stored}`,
  );
  return compact({
    kind: rms ? 'rms' : 'layer',
    eps: rms ? 0 : 1e-5,
    unit_offset: offset || undefined,
    bias: rms ? undefined : false,
  });
}

function importFeedForward(fields: FieldReader, hidden: number) {
  const gated = fields.boolean('glu', false);
  const swish = fields.boolean('swish', false);
  const relu2 = fields.boolean('relu_squared', false);
  const noBias = fields.boolean('no_bias', false);
  const width = Math.trunc(hidden * (fields.number('mult') ?? 4));
  fields.finish(feedForwardTable);
  // GLU.proj keeps its bias even with no_bias.
  const inputBiases = gated ? ['up', 'gate'] : noBias ? [] : ['up'];
  const biases = noBias ? inputBiases : [...inputBiases, 'down'];
  return { gated, activation: relu2 ? 'relu2' : swish ? 'silu' : 'gelu', width, biases };
}
