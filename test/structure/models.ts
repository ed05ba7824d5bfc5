/** Specs of small models that together take every way to join layers, embeddings and heads. */
export interface ModelCase {
  readonly name: string;
  readonly yaml: string;
}

const attention = 'q_heads: 4, kv_heads: 2, head_dim: 8, mask: { causal: true }';
const mlp = '{ activation: gelu, width: 40, kind: plain, biases: [up, down] }';

const model = (options: string, attentionOptions = '', mlpOptions = mlp) => `
model: { vocab: 53, hidden: 28, layers: 2, context: 40, ${options} }
attention: { ${attention}${attentionOptions === '' ? '' : `, ${attentionOptions}`} }
mlp: ${mlpOptions}
`;

const encoder = (options: string) =>
  model(
    `norm: { kind: layer, eps: 1e-12 }, block: { norms: post }, positions: { kind: learned }, ${options}`,
    'biases: [q, k, v, o]',
  ).replace('mask: { causal: true }', 'mask: { causal: false }');

export const modelCases: readonly ModelCase[] = [
  { name: 'norms after the sums', yaml: model('block: { norms: post }, norm: { kind: layer }') },
  { name: 'norms after the sums, and a last one', yaml: model('block: { norms: post }, final_norm: true') },
  { name: 'sandwich norms', yaml: model('block: { norms: sandwich }, norm: { unit_offset: true }, final_softcap: 3') },
  {
    name: 'norms of outputs, and of projections',
    yaml: model('block: { norms: output }', 'qk_norm: { kind: rms, weight: projection }, rope: { dim: 8 }'),
  },
  {
    name: 'a norm of projections before one of heads',
    yaml: model(
      'block: {}',
      'qk_norm: [{ kind: layer, weight: projection, q: false }, { kind: rms }], memory_kv: { slots: 2, normalized: true }',
    ),
  },
  {
    name: 'biased norms of heads',
    yaml: model(
      'block: {}',
      'qk_norm: { kind: layer, bias: true, weight: per_head }, rope: { dim: 4 }, memory_kv: { slots: 2, normalized: true }',
    ),
  },
  {
    name: 'biased norms of projections, and of all heads alike',
    yaml: `${model('block: {}', 'qk_norm: { kind: layer, bias: true, weight: projection }')}layers: { kinds: { a: {}, b: { attention: { qk_norm: { weight: shared } } } }, pattern: [a, b] }\n`,
  },
  { name: 'parts side by side with one norm', yaml: model('block: { parallel: one_norm }, norm: { kind: layer }') },
  {
    name: 'parts side by side with two norms',
    yaml: model('block: { parallel: two_norms, residual_scale: 0.4 }, norm: { kind: layer, bias: false }'),
  },
  {
    name: 'norms without weights',
    yaml: model('norm: { kind: layer, weight: false }, final_norm: true', 'clip_qkv: 0.7'),
  },
  {
    name: 'scaled residuals after the sums',
    yaml: model('block: { norms: post, residual_scale: 0.3 }, logit_scale: 0.2'),
  },
  {
    name: 'narrow embeddings',
    yaml: model(
      'embedding_width: 12, tie_embeddings: true, positions: { kind: learned, offset: 2 }, final_norm: false',
    ),
  },
  { name: 'narrow embeddings without positions', yaml: model('embedding_width: 9', 'alibi: { scale: 0.3 }') },
  { name: 'sinusoidal positions in pairs', yaml: model('positions: { kind: sinusoidal, scale: 0.5, offset: 3 }') },
  {
    name: 'sinusoidal positions in halves',
    yaml: model('positions: { kind: sinusoidal, pairing: half }, token_types: 2'),
  },
  {
    name: 'normed embeddings',
    yaml: model('embedding_norm: layer, head: { bias: true }', '', mlp.replace('gelu', 'quick_gelu')),
  },
  { name: 'hidden states of a causal model', yaml: model('head: { kind: hidden }') },
  {
    name: 'hidden states without a last norm',
    yaml: model('head: { kind: hidden }, final_norm: false, embedding_norm: {}'),
  },
  { name: 'an encoder', yaml: encoder('token_types: 2, embedding_norm: {}, head: { kind: hidden }') },
  {
    name: 'an encoder with a head for masked tokens',
    yaml: encoder(
      'embedding_norm: {}, tie_embeddings: true, head: { bias: true, transform: { activation: gelu, norm: { eps: 1e-5 } } }',
    ),
  },
  {
    name: 'a transform to narrow embeddings',
    yaml: model(
      'embedding_width: 16, tie_embeddings: true, logit_scale: 2, final_softcap: 5, head: { transform: relu }',
    ),
  },
];
