import { checkSpec } from '../../src/compiler/pipeline.ts';
import { type PrintableSpec, printYaml } from '../../src/compiler/syntax/print.ts';
import type { Draw } from './draw.ts';
import { type RandomSpec, some, type Values } from './random-specs.ts';

const modelOptions: Values = {
  tie_embeddings: [true],
  norm: ['layer', { kind: 'rms', unit_offset: true }],
  positions: ['learned', 'sinusoidal'],
  block: [{ norms: 'sandwich' }, { norms: 'post' }, { parallel: 'one_norm' }, { parallel: 'two_norms' }],
  final_softcap: [20],
  head: [{ bias: true }],
};

const attentionOptions: Values = {
  rope: [{ pairing: 'half' }, { pairing: 'interleaved' }, { pairing: 'half', dim: 16 }],
  qk_norm: [
    { kind: 'rms' },
    { kind: 'layer', weight: 'per_head' },
    { kind: 'rms', weight: 'projection' },
    { kind: 'l2' },
  ],
  value_norm: ['rms'],
  value_residual: [0.5, 'learned'],
  biases: [
    ['q', 'k', 'v'],
    ['q', 'k', 'v', 'o'],
  ],
  gates: [{ head: true }, { value: 'silu' }, { head_scale: true, output_glu: true }],
  memory_kv: [{ slots: 3, normalized: true }],
  sinks: [true],
  softcap: [20],
};

const mlps: readonly PrintableSpec[] = [
  { activation: 'silu' },
  { activation: 'gelu_tanh', biases: ['up', 'gate', 'down'] },
  { kind: 'plain', activation: 'gelu', biases: ['up', 'down'] },
  { kind: 'plain', activation: 'relu2' },
  { activation: 'silu', experts: { count: 6, active: 2 } },
  { activation: 'silu', experts: { count: 8, active: 2, scoring: 'sigmoid', shared: 64 } },
];

const weights: readonly PrintableSpec[] = [
  { dtype: 'f16' },
  { dtype: 'f16' },
  { dtype: 'int8', group: 32 },
  { dtype: 'int4', group: 32 },
  { dtype: 'f32' },
];

/** A decoder of two layers that the checker accepts, with products of all shapes. */
export function randomModel(draw: Draw): RandomSpec {
  for (;;) {
    const hidden = draw.from([64, 96, 160, 192, 320]);
    const head_dim = draw.from([16, 32, 40, 64, 80]);
    const kv_heads = draw.from([1, 2, 3]);
    const spec = {
      gqac: 1,
      name: 'sweep',
      model: { vocab: 300, hidden, layers: 2, context: 512, ...some(draw, modelOptions, 2) },
      attention: {
        q_heads: kv_heads * draw.from([1, 2, 3]),
        kv_heads,
        head_dim,
        ...some(draw, attentionOptions, 3),
        mask: { causal: true },
        cache: { dtype: draw.from(['f16', 'f16', 'int8', 'f32']), kind: draw.from(['dense', 'paged']) },
      },
      mlp: { ...draw.from(mlps), width: draw.from([64, 128, 416]) },
      weights: draw.from(weights),
    };
    const text = printYaml(spec);
    const { shaped } = checkSpec({ path: 'spec.yaml', text });
    if (shaped !== undefined) return { text, shaped };
  }
}
