import { attention, count, entry } from '../entry.ts';

const hooked = (layers: string) =>
  `${attention('q_heads: 4', 'mask: { causal: true }', `hooks: { names: [pattern], layers: ${layers} }`)}model: { vocab: 16, hidden: 32, layers: 2, context: 8 }
mlp: { activation: silu, width: 64 }
`;

export const hookRules = {
  HOK001: entry({
    slug: 'split-input-heads',
    severity: 'error',
    message: (a: { input: 'q_in' | 'k_in'; written: number; heads: number }) =>
      `\`${a.input}\` is given ${count(a.written, 'head')}, the attention has ${count(a.heads, a.input === 'q_in' ? 'query head' : 'KV head')}`,
    label: (a) => `expected ${a.heads}`,
    help: () => 'delete it: the input of q always has the query heads, those of k and v the KV heads',
    why: 'Split inputs have a row for each head that is projected: `[B, I, q_heads, hidden]` for q, `[B, I, kv_heads, hidden]` for k and v. Repeated for the query heads, the rows of k and v are projected by the wrong weights, or by none.',
    issue:
      'TransformerLensOrg/TransformerLens#519, #558, #810: split inputs and per-head results broke on grouped heads',
    failing: {
      spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2', 'inputs: { kind: split_qkv, kv_heads: 8 }'),
    },
    mended: { spec: attention('hidden: 512', 'q_heads: 8', 'kv_heads: 2', 'inputs: { kind: split_qkv, kv_heads: 2 }') },
  }),
  HOK002: entry({
    slug: 'hook-layer',
    severity: 'error',
    message: (a: { layer: number; layers: number }) =>
      `layer ${a.layer} is asked for activations, the model has ${count(a.layers, 'layer')}`,
    label: () => 'no such layer',
    help: () => 'layers count from 0',
    why: 'A hook on a layer that does not exist would return nothing, and nobody would notice.',
    failing: { spec: hooked('[0, 2]') },
    mended: { spec: hooked('[0, 1]') },
  }),
};
