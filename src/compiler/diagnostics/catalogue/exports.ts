import { attention, entry } from '../entry.ts';

const decoder = (...lines: readonly string[]) =>
  `${attention('q_heads: 4', 'kv_heads: 2', 'head_dim: 16', ...lines)}model: { vocab: 16, hidden: 32, layers: 2, context: 64 }\nmlp: { activation: silu, width: 48 }\n`;

export const exportRules = {
  OUT001: entry({
    slug: 'no-such-onnx-graph',
    severity: 'error',
    message: (a: { option: string; detail?: string | undefined }) =>
      `\`${a.option}\`${a.detail === undefined ? '' : ` ${a.detail}`} cannot be said in ONNX`,
    label: () => 'not in the graph',
    help: () => 'run such a model with its own kernels: `gqac build`',
    why: 'Exported graphs use `com.microsoft.GroupQueryAttention`, which is causal, has one width for keys and values, and no columns before the sequence. An option that it does not have is refused rather than left out.',
    failing: { spec: decoder('mask: { causal: true }', 'memory_kv: 2'), exportTo: 'onnx' },
    mended: { spec: decoder('mask: { causal: true }'), exportTo: 'onnx' },
  }),
  OUT002: entry({
    slug: 'no-such-model-type',
    severity: 'error',
    message: (a: { asked: boolean; nearest: string }) =>
      a.asked
        ? `a config of \`${a.nearest}\` cannot say this model`
        : 'no model type of transformers that gqac knows computes this',
    help: (a) =>
      a.asked ? 'leave out `--type` to look for another' : `nearest is \`${a.nearest}\`: see the differences`,
    why: 'A config is written only if the importer reads it back as the same model. What a model type does not have would be left out, and a server would compute another model.',
    issue: 'sgl-project/sglang#30050, vllm-project/vllm#48011: options of a config that were ignored',
    failing: { spec: decoder('mask: { causal: true }', 'rope: {}', 'memory_kv: 2'), exportTo: 'hf' },
    mended: { spec: decoder('mask: { causal: true }', 'rope: {}'), exportTo: 'hf' },
  }),
  OUT003: entry({
    slug: 'export-of-no-model',
    severity: 'error',
    message: () => 'this is attention alone: what other systems read is whole models',
    help: () => 'add `model` and `mlp`',
    why: 'A config of transformers, or a graph that gives logits, needs the embedding, the layers and the head too.',
    failing: { spec: attention('hidden: 64', 'q_heads: 4'), exportTo: 'hf' },
    mended: { spec: decoder('mask: { causal: true }', 'rope: {}'), exportTo: 'hf' },
  }),
};
