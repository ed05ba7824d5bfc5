import { type MapOption, since } from '../option.ts';

/** Names of hooks in TransformerLens, and what they are called here. */
export const transformerLensHooks = {
  hook_q_input: 'q_input',
  hook_k_input: 'k_input',
  hook_v_input: 'v_input',
  hook_q: 'q',
  hook_k: 'k',
  hook_v: 'v',
  hook_rot_q: 'rot_q',
  hook_rot_k: 'rot_k',
  hook_attn_scores: 'scores',
  hook_pattern: 'pattern',
  hook_z: 'z',
  hook_result: 'result',
} as const;

const names = [
  'q_input',
  'k_input',
  'v_input',
  'q',
  'k',
  'v',
  'rot_q',
  'rot_k',
  'scores',
  'pattern',
  'z',
  'result',
  ...(Object.keys(transformerLensHooks) as (keyof typeof transformerLensHooks)[]),
] as const;

/** `attention.hooks`. */
export const hooks = {
  kind: 'map',
  presence: 'grouping',
  shorthand: 'names',
  since,
  consumedBy: 'lower',
  doc: 'Activations that the module returns beside its output, as f32 tensors that a session reads.',
  entries: {
    names: {
      kind: 'list',
      values: names,
      default: [],
      since,
      consumedBy: 'lower',
      doc: '`q_input` `[B, I, H, hidden]`, `k_input`, `v_input` `[B, I, K, hidden]`: the inputs of heads with `split_qkv` in a model, before the norm; `q` `[B, I, H, D]`, `k` `[B, I, K, D]`, `v` `[B, I, K, Dv]` as projected (`v` after `value_residual`); `rot_q`, `rot_k` after norms and rotation; `scores`, `pattern` `[B, H, I, columns]` before and after the softmax, hidden scores −3e38; `z` `[B, I, H, Dv]` and `result` `[B, I, H, hidden]`, what each head gives before and after the output projection. The names of TransformerLens mean the same.',
    },
    layers: {
      kind: 'integers',
      min: 0,
      max: 1023,
      derived: 'all layers',
      since,
      consumedBy: 'check',
      doc: 'Layers that return them; only with `model`.',
    },
  },
} as const satisfies MapOption;
