import { expect, it } from 'vitest';
import { exportHf } from '../../../src/compiler/export/hf/export-hf.ts';
import { importHf } from '../../../src/compiler/import/hf/import-hf.ts';
import { checkSpec } from '../../../src/compiler/pipeline.ts';
import { printYaml } from '../../../src/compiler/syntax/print.ts';

const sizes = {
  vocab_size: 97,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 112,
  max_position_embeddings: 128,
};
const latent = { q_lora_rank: 24, kv_lora_rank: 16, qk_nope_head_dim: 8, qk_rope_head_dim: 4, v_head_dim: 12 };

function shapedOf(config: Readonly<Record<string, unknown>>) {
  const { spec, notes } = importHf(config);
  expect(notes.filter(({ severity }) => severity === 'error')).toEqual([]);
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: printYaml(spec ?? {}) });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (shaped === undefined) throw new Error('refused');
  return shaped;
}

const sourcesOf = ({ weights }: ReturnType<typeof shapedOf>, part: string) =>
  weights.flatMap(({ name, source, shape }) =>
    name.startsWith(`layers.0.attn.${part}`) ? [[source.tensor, shape]] : [],
  );

it('phi with qk_layernorm: a norm of each head, with its bias, before the rotation', () => {
  const config = { model_type: 'phi', ...sizes, qk_layernorm: true, layer_norm_eps: 1e-6 };
  const shaped = shapedOf(config);
  expect(shaped.layers[0]?.attention.qkNorms).toMatchObject([
    { kind: 'layer', eps: 1e-6, weight: 'shared', bias: true, q: true, k: true },
  ]);
  expect(sourcesOf(shaped, 'k_norm')).toEqual([
    ['model.layers.0.self_attn.k_layernorm.weight', [16]],
    ['model.layers.0.self_attn.k_layernorm.bias', [16]],
  ]);
  const exported = exportHf(shaped, 'phi');
  expect(exported).toMatchObject({ kind: 'config', sameNames: true, config: { qk_layernorm: true } });
  expect(shapedOf({ ...config, qk_layernorm: false }).layers[0]?.attention.qkNorms).toEqual([]);
});

it('deepseek_v3 with attention_bias: where latent rows are made, and at the output', () => {
  const config = { model_type: 'deepseek_v3', ...sizes, ...latent, n_routed_experts: 8, n_group: 2, topk_group: 1 };
  const shaped = shapedOf({ ...config, attention_bias: true, num_experts_per_tok: 2, first_k_dense_replace: 1 });
  expect(shaped.layers[0]?.attention.latent).toMatchObject({ bias: true, cache: 'latent' });
  expect(shaped.layers[0]?.attention.biases).toEqual({ q: false, k: false, v: false, o: true });
  expect(sourcesOf(shaped, 'q_a.')).toContainEqual(['model.layers.0.self_attn.q_a_proj.bias', [24]]);
  expect(sourcesOf(shaped, 'kv_a.')).toContainEqual(['model.layers.0.self_attn.kv_a_proj_with_mqa.bias', [20]]);
  expect(sourcesOf(shaped, 'o.')).toContainEqual(['model.layers.0.self_attn.o_proj.bias', [64]]);
});
