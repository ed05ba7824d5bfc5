import {
  assume,
  compact,
  type ImportLog,
  type ImportOptions,
  type ImportResult,
  type SpecDraft,
  specName,
  startLog,
} from '../draft.ts';
import { type ConfigObject, type FieldReader, type FieldTable, readFields } from '../fields.ts';

const table: FieldTable = {
  unsupported: { sliding_window: [], layer_types: [], num_experts: [0] },
  noEffect: ['drop_rate', 'drop_rate_emb', 'drop_rate_attn', 'drop_rate_shortcut'],
  silent: ['dtype', 'model_name'],
};

/**
 * A dictionary such as `GPT_CONFIG_124M` or `LLAMA32_CONFIG` of LLMs-from-scratch. Those with a `hidden_dim` are of the Llama
 * family, the others of GPT's.
 */
export function importLlmsFromScratchModel(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  const fields = readFields(config, (key) => key, log);
  const sizes = readSizes(fields);
  const spec = sizes && (fields.has('hidden_dim') ? importLlama(fields, sizes, log) : importGpt(fields, sizes, log));
  fields.finish(table);
  if (spec === undefined) return { spec, comments: log.comments, notes: log.notes };
  const { names, ...model } = spec;
  const weights = compact({ file: options.weightsFile, names });
  const named = compact({ gqac: 1, name: specName(options.name, 'model'), ...model, weights });
  return { spec: named, comments: log.comments, notes: log.notes };
}

interface Sizes {
  readonly vocab: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly context: number;
}

function readSizes(fields: FieldReader): Sizes | undefined {
  const vocab = fields.requiredInteger('vocab_size');
  const hidden = fields.requiredInteger('emb_dim');
  const layers = fields.requiredInteger('n_layers');
  const heads = fields.requiredInteger('n_heads');
  const context = fields.requiredInteger('context_length');
  if (vocab === undefined || hidden === undefined || layers === undefined) return undefined;
  return heads === undefined || context === undefined ? undefined : { vocab, hidden, layers, heads, context };
}

/** `GPTModel`: learned positions, a bias on the output projection always, GELU with tanh, a head of its own. */
function importGpt(fields: FieldReader, { heads, ...sizes }: Sizes, log: ImportLog): SpecDraft {
  assume(log, 'mlp', 'emb_dim', 'the MLP is four times as wide as the model, with biases and the GELU with tanh');
  const hasBias = fields.boolean('qkv_bias', false);
  const biases = hasBias ? ['q', 'k', 'v', 'o'] : ['o'];
  return {
    model: { ...sizes, positions: { kind: 'learned' }, norm: { kind: 'layer', eps: 1e-5 } },
    attention: { q_heads: heads, biases, mask: { causal: true } },
    mlp: { kind: 'plain', activation: 'gelu_tanh', width: 4 * sizes.hidden, biases: ['up', 'down'] },
    names: { ...gptNames, ...attentionNames(biases) },
  };
}

/** `Llama2Model`, `Llama3Model`, `Qwen3Model`: RMS norms, RoPE by halves, a gated MLP, no biases. */
function importLlama(fields: FieldReader, { heads, ...sizes }: Sizes, log: ImportLog): SpecDraft {
  const hasHeadNorm = fields.boolean('qk_norm', false);
  const isQwen = fields.has('qk_norm');
  const norm = { kind: 'rms', eps: isQwen ? 1e-6 : 1e-5 };
  assume(log, 'attention.rope', 'rope_base', 'entry e of a head pairs with e + head_dim / 2');
  assume(log, 'model.norm', 'emb_dim', `eps of norms is ${norm.eps}`);
  return {
    model: { ...sizes, norm },
    attention: compact({
      q_heads: heads,
      kv_heads: fields.positiveInteger('n_kv_groups'),
      head_dim: fields.positiveInteger('head_dim'),
      qk_norm: hasHeadNorm ? norm : undefined,
      rope: compact({
        base: fields.number('rope_base') ?? 10000,
        pairing: 'half',
        scaling: readScaling(fields, log),
      }),
      mask: { causal: true },
    }),
    mlp: { kind: 'gated', activation: 'silu', width: fields.requiredInteger('hidden_dim') ?? 1 },
    names: { ...llamaNames(isQwen ? 'scale' : 'weight', hasHeadNorm), ...attentionNames([]) },
  };
}

function readScaling(fields: FieldReader, log: ImportLog): SpecDraft | undefined {
  const written = fields.object('rope_freq');
  if (written === undefined) return undefined;
  const inner = readFields(written, (key) => `rope_freq.${key}`, log);
  const scaling = compact({
    kind: 'llama3',
    factor: inner.number('factor'),
    low_freq_factor: inner.number('low_freq_factor'),
    high_freq_factor: inner.number('high_freq_factor'),
    original_context: inner.positiveInteger('original_context_length'),
  });
  inner.finish({ unsupported: {}, noEffect: [], silent: [] });
  return scaling;
}

const block = 'trf_blocks.{i}';

const gptNames: SpecDraft = {
  'embed.weight': 'tok_emb.weight',
  'positions.weight': 'pos_emb.weight',
  'layers.{i}.attn_norm.weight': `${block}.norm1.scale`,
  'layers.{i}.attn_norm.bias': `${block}.norm1.shift`,
  'layers.{i}.mlp_norm.weight': `${block}.norm2.scale`,
  'layers.{i}.mlp_norm.bias': `${block}.norm2.shift`,
  'layers.{i}.mlp.up.weight': `${block}.ff.layers.0.weight`,
  'layers.{i}.mlp.up.bias': `${block}.ff.layers.0.bias`,
  'layers.{i}.mlp.down.weight': `${block}.ff.layers.2.weight`,
  'layers.{i}.mlp.down.bias': `${block}.ff.layers.2.bias`,
  'final_norm.weight': 'final_norm.scale',
  'final_norm.bias': 'final_norm.shift',
  'head.weight': 'out_head.weight',
};

function llamaNames(norm: string, hasHeadNorm: boolean): SpecDraft {
  const headNorms = {
    'layers.{i}.attn.q_norm.weight': `${block}.att.q_norm.${norm}`,
    'layers.{i}.attn.k_norm.weight': `${block}.att.k_norm.${norm}`,
  };
  return {
    'embed.weight': 'tok_emb.weight',
    'layers.{i}.attn_norm.weight': `${block}.norm1.${norm}`,
    ...(hasHeadNorm && headNorms),
    'layers.{i}.mlp_norm.weight': `${block}.norm2.${norm}`,
    'layers.{i}.mlp.gate.weight': `${block}.ff.fc1.weight`,
    'layers.{i}.mlp.up.weight': `${block}.ff.fc2.weight`,
    'layers.{i}.mlp.down.weight': `${block}.ff.fc3.weight`,
    'final_norm.weight': `final_norm.${norm}`,
    'head.weight': 'out_head.weight',
  };
}

function attentionNames(biases: readonly string[]): SpecDraft {
  const modules = { q: 'W_query', k: 'W_key', v: 'W_value', o: 'out_proj' };
  return Object.fromEntries(
    Object.entries(modules).flatMap(([own, theirs]) => [
      [`layers.{i}.attn.${own}.weight`, `${block}.att.${theirs}.weight`],
      ...(biases.includes(own) ? [[`layers.{i}.attn.${own}.bias`, `${block}.att.${theirs}.bias`]] : []),
    ]),
  );
}
