import { compact, type SpecDraft } from '../draft.ts';

export interface ModelParts {
  readonly rms: boolean;
  readonly attention: Readonly<Record<string, string>>;
  /** One T5 table for all layers. */
  readonly t5: boolean;
  readonly learned: boolean;
  readonly tied: boolean;
  readonly gated: boolean;
  readonly width: number;
  /** Of `up`, `gate`, `down`. */
  readonly biases: readonly string[];
}

/** Weights of an attention with their whole names on both sides. */
export function attentionNames(names: Readonly<Record<string, string>>, canonical = 'attn.', source = ''): SpecDraft {
  return Object.fromEntries(Object.entries(names).map(([own, theirs]) => [`${canonical}${own}`, `${source}${theirs}`]));
}

/**
 * Canonical names to those of `TransformerWrapper(Decoder)`: attention and feed-forward are layers of their own there,
 * each a list of norms, the block, and the residual.
 */
export function modelNames(parts: ModelParts): SpecDraft {
  const gamma = parts.rms ? 'g' : 'gamma';
  const attention = 'attn_layers.layers.{2*i}';
  const feedForward = 'attn_layers.layers.{2*i+1}';
  return compact({
    'embed.weight': 'token_emb.emb.weight',
    'positions.weight': parts.learned ? 'pos_emb.emb.weight' : undefined,
    'layers.{i}.attn_norm.weight': `${attention}.0.0.${gamma}`,
    ...attentionNames(parts.attention, 'layers.{i}.attn.', `${attention}.1.`),
    'layers.{i}.attn.t5.weight': parts.t5 ? 'attn_layers.rel_pos.relative_attention_bias.weight' : undefined,
    'layers.{i}.mlp_norm.weight': `${feedForward}.0.0.${gamma}`,
    ...(parts.gated ? gatedNames(parts, `${feedForward}.1.ff.`) : plainNames(parts, `${feedForward}.1.ff.`)),
    'layers.{i}.mlp.down.weight': `${feedForward}.1.ff.2.weight`,
    'layers.{i}.mlp.down.bias': parts.biases.includes('down') ? `${feedForward}.1.ff.2.bias` : undefined,
    'final_norm.weight': `attn_layers.final_norm.${gamma}`,
    'head.weight': parts.tied ? undefined : 'to_logits.weight',
  });
}

/** `GLU.proj` gives (x, gate): up is the first half of its rows. */
function gatedNames({ width, biases }: ModelParts, source: string): SpecDraft {
  const up = `[0:${width}]`;
  const gate = `[${width}:${2 * width}]`;
  return compact({
    'layers.{i}.mlp.up.weight': `${source}0.proj.weight${up}`,
    'layers.{i}.mlp.gate.weight': `${source}0.proj.weight${gate}`,
    'layers.{i}.mlp.up.bias': biases.includes('up') ? `${source}0.proj.bias${up}` : undefined,
    'layers.{i}.mlp.gate.bias': biases.includes('gate') ? `${source}0.proj.bias${gate}` : undefined,
  });
}

function plainNames({ biases }: ModelParts, source: string): SpecDraft {
  return compact({
    'layers.{i}.mlp.up.weight': `${source}0.0.weight`,
    'layers.{i}.mlp.up.bias': biases.includes('up') ? `${source}0.0.bias` : undefined,
  });
}
