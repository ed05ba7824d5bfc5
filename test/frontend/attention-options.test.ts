import { describe, expect, test } from 'vitest';
import type { AttentionShape } from '../../src/compiler/check/shaped-spec.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkText, codesOf, only } from './helpers.ts';

const block = (...lines: readonly string[]) => attention('hidden: 64', 'q_heads: 4', ...lines);
const decoder = (...lines: readonly string[]) =>
  `${attention('q_heads: 4', ...lines)}model: { vocab: 16, hidden: 64, layers: 3, context: 32 }\nmlp: { activation: silu, width: 96 }\n`;

function shapeOf(text: string): AttentionShape {
  const { shaped, diagnostics } = checkText(text);
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  const shape = shaped?.layers[0]?.attention;
  if (shape === undefined) throw new Error('no shape');
  return shape;
}

/** Names and shapes of the weights, projections left out. */
function extraWeights(text: string): Readonly<Record<string, readonly number[]>> {
  const plain = /attn\.[qkvo]\.weight$|mlp|attn_norm|final_norm|embed|head\.weight/;
  const all = checkText(text).shaped?.weights ?? [];
  return Object.fromEntries(all.filter(({ name }) => !plain.test(name)).map(({ name, shape }) => [name, shape]));
}

describe('every field of the shape can be said', () => {
  test('absent options are off', () => {
    expect(shapeOf(block())).toEqual({
      inputs: 'hidden',
      hidden: 64,
      heads: { qHeads: 4, kvHeads: 4, queriesPerKv: 1, order: 'blocked' },
      headDim: 16,
      valueDim: 16,
      similarity: 'dot',
      scale: 0.25,
      qkNorms: [],
      columns: { zero: 0, memory: 0 },
      mask: { causal: false, documents: false, memoryVisible: 'always', padding: 'none' },
      parameters: [],
      sinks: false,
      headMixing: { pre: false, post: false, preScalePost: false },
      normalizer: { kind: 'softmax' },
      gates: { headScale: false, head: false, value: 'none', outputGlu: false },
      biases: { q: false, k: false, v: false, o: false },
      cacheDtype: 'f32',
      hooks: [],
    });
  });

  const said: readonly (readonly [string, readonly string[], object])[] = [
    ['similarity', ['similarity: l2'], { similarity: 'l2' }],
    ['value_norm', ['value_norm: rms'], { valueNorm: { kind: 'rms', eps: 1e-6, groups: 1, weight: 'per_head' } }],
    ['rope.heads', ['rope: { heads: 2 }'], { rope: { dim: 16, lastHeads: 2 } }],
    ['alibi', ['alibi: {}'], { biasPosition: { kind: 'alibi', heads: 4 } }],
    ['alibi, short', ['alibi: 2'], { biasPosition: { kind: 'alibi', heads: 2 } }],
    [
      't5_bias',
      ['t5_bias: {}'],
      { biasPosition: { kind: 't5', buckets: 32, maxDistance: 128, scale: 1, bidirectional: true } },
    ],
    ['t5_bias, causal', ['t5_bias: {}', 'mask: { causal: true }'], { biasPosition: { bidirectional: false } }],
    ['zero_kv', ['zero_kv: true', 'memory_kv: 3'], { columns: { zero: 1, memory: 3 } }],
    ['sinks', ['sinks: true'], { sinks: true }],
    ['softcap', ['softcap: 30'], { softcap: { cap: 30, order: 'cap-bias' } }],
    [
      'logits_order',
      ['softcap: 30', 'bias: {}', 'logits_order: [bias, cap]'],
      { softcap: { cap: 30, order: 'bias-cap' }, biasTensor: { perBatch: false, perHead: true } },
    ],
    ['bias', ['bias: { batch: true, heads: false }'], { biasTensor: { perBatch: true, perHead: false } }],
    [
      'head_mixing',
      ['head_mixing: [pre_scale_post, pre]'],
      { headMixing: { pre: true, post: false, preScalePost: true } },
    ],
    ['normalizer', ['normalizer: sigmoid'], { normalizer: { kind: 'sigmoid' } }],
    ['normalizer, topk', ['normalizer: { kind: topk, k: 4 }'], { normalizer: { kind: 'topk', k: 4 } }],
    [
      'gates',
      ['gates: { head_scale: true, head: true, value: silu, output_glu: true }'],
      { gates: { headScale: true, head: true, value: 'silu', outputGlu: true } },
    ],
    [
      'mask',
      ['memory_kv: 2', 'mask: { causal: true, window: 8, padding: keys_and_queries, memory: windowed }'],
      { mask: { causal: true, window: 8, documents: false, padding: 'keys_and_queries', memoryVisible: 'windowed' } },
    ],
    ['cross', ['cross: 96', 'bias: {}', 'mask: { padding: keys }'], { cross: { width: 96 } }],
    ['out_hidden', ['out_hidden: 96'], { hidden: 64, outHidden: 96 }],
  ];
  test.each(said)('%s', (_, lines, expected) => expect(shapeOf(block(...lines))).toMatchObject(expected));

  test('value_residual', () => {
    expect(shapeOf(decoder('value_residual: {}')).valueResidual).toEqual({ mix: 0.5 });
    expect(shapeOf(decoder('value_residual: 0.25')).valueResidual).toEqual({ mix: 0.25 });
    expect(shapeOf(decoder('value_residual: learned')).valueResidual).toEqual({ mix: 'learned' });
    expect(only(checkText(decoder('value_residual: 1.5'))).code).toBe('SCH002');
    expect(only(checkText(decoder('value_residual: learnt'))).code).toBe('SCH002');
  });

  test('all heads of rope, alibi and out_hidden equal to hidden are the defaults', () => {
    expect(shapeOf(block('kv_heads: 2', 'rope: { heads: 4 }')).rope).toEqual({
      dim: 16,
      base: 10000,
      pairing: 'half',
    });
    expect(shapeOf(block('out_hidden: 64'))).not.toHaveProperty('outHidden');
  });
});

describe('norms of queries and keys', () => {
  test('a list is applied in order, each with its own options', () => {
    const shape = shapeOf(
      block('qk_norm: [{ kind: l2, groups: 2 }, { kind: rms, q: false, weight: per_head, eps: 0 }]'),
    );
    expect(shape.qkNorms).toEqual([
      { kind: 'l2', eps: 1e-12, unitOffset: false, groups: 2, weight: 'none', q: true, k: true, memory: false },
      { kind: 'rms', eps: 0, unitOffset: false, groups: 1, weight: 'per_head', q: false, k: true, memory: false },
    ]);
    expect(shape.scale).toBe(10);
  });

  test('the scale is 10 for unit vectors only', () => {
    expect(shapeOf(block('qk_norm: { kind: l2, weight: per_head }')).scale).toBe(0.25);
    expect(shapeOf(block('qk_norm: { kind: layer }')).scale).toBe(0.25);
    expect(shapeOf(block('qk_norm: { kind: l2 }', 'scale: 3')).scale).toBe(3);
  });

  test('say whether they apply to memory, together or each', () => {
    const memory = (...lines: readonly string[]) => shapeOf(block(...lines)).qkNorms.map((norm) => norm.memory);
    expect(memory('memory_kv: { slots: 2, normalized: true }', 'qk_norm: { kind: rms }')).toEqual([true]);
    expect(memory('memory_kv: 2', 'qk_norm: { kind: rms, memory: true }')).toEqual([true]);
    expect(memory('memory_kv: 2', 'qk_norm: { kind: rms, k: false }')).toEqual([false]);
    const both = 'qk_norm: [{ kind: l2, memory: true }, { kind: rms, memory: false }]';
    expect(memory('memory_kv: 2', both)).toEqual([true, false]);
    expect(codesOf(checkText(block('memory_kv: 2', 'qk_norm: [{ kind: l2, memory: true }, { kind: rms }]')))).toEqual([
      'MEM006',
    ]);
    expect(codesOf(checkText(block('memory_kv: 2', 'qk_norm: { kind: rms, k: false, memory: true }')))).toEqual([
      'OPT002',
    ]);
  });

  test('faults of an item are reported at the item', () => {
    const found = (list: string) => checkText(block(`qk_norm: ${list}`)).diagnostics;
    const texts = (list: string) =>
      found(list).map(({ code, span }) => `${code} ${span.file.text.slice(span.start, span.end)}`);
    expect(texts('[{ kind: rms }, { groups: 2 }]')).toEqual(['SCH003 { groups: 2 }']);
    expect(texts('[{ kind: rms }, { kind: l3 }]')).toEqual(['SCH002 l3']);
    expect(texts('[{ kind: rms }, { kind: l2, groups: 3 }]')).toEqual(['NRM002 3']);
    expect(texts('[{ kind: rms }, { kind: l2, unit_offset: true }]')).toEqual(['SCH004 unit_offset']);
    expect(texts('[{ kind: rms }, { kind: l2, esp: 1 }]')).toEqual(['SCH001 esp']);
    expect(texts('[{ kind: rms }, 3]')).toEqual(['SCH002 3']);
    expect(found('[]').map(({ code }) => code)).toEqual(['SCH002']);
    expect(found('[{ kind: rms }, { kind: l2 }, { kind: l2 }]').map(({ code }) => code)).toEqual(['SCH002']);
  });
});

describe('weights', () => {
  test('have the canonical names, in the order of the forward pass', () => {
    const text = block(
      'kv_heads: 2',
      'value_dim: 8',
      'qk_norm: [{ kind: l2, weight: shared }, { kind: rms, weight: per_head, memory: false, q: false }]',
      'memory_kv: { slots: 3, normalized: true }',
      'value_norm: { weight: per_head }',
      't5_bias: { buckets: 8, max_distance: 16 }',
      'sinks: true',
      'head_mixing: [pre, post, pre_scale_post]',
      'gates: { head_scale: true, head: true, value: sigmoid, output_glu: true }',
      'biases: [o, k]',
      'out_hidden: 24',
    );
    expect(checkText(text).shaped?.weights.map(({ name, shape, role }) => [name, role, ...shape])).toEqual([
      ['attn.q.weight', 'matrix', 64, 64],
      ['attn.k.weight', 'matrix', 32, 64],
      ['attn.k.bias', 'vector', 32],
      ['attn.v.weight', 'matrix', 16, 64],
      ['attn.q_norm.weight', 'vector', 16],
      ['attn.k_norm.weight', 'vector', 16],
      ['attn.k_norm2.weight', 'vector', 2, 16],
      ['attn.v_norm.weight', 'vector', 2, 8],
      ['attn.memory_k', 'memory', 2, 3, 16],
      ['attn.memory_v', 'memory', 2, 3, 8],
      ['attn.mix_pre.weight', 'vector', 4, 4],
      ['attn.t5.weight', 'vector', 8, 4],
      ['attn.sinks', 'vector', 4],
      ['attn.mix_post.weight', 'vector', 4, 4],
      ['attn.mix_pre_scale_post.weight', 'vector', 4, 4],
      ['attn.head_scale', 'vector', 4],
      ['attn.head_gate.weight', 'matrix', 4, 64],
      ['attn.head_gate.bias', 'vector', 4],
      ['attn.value_gate.weight', 'matrix', 32, 64],
      ['attn.o.weight', 'matrix', 24, 32],
      ['attn.o.bias', 'vector', 24],
      ['attn.o_gate.weight', 'matrix', 24, 32],
      ['attn.o_gate.bias', 'vector', 24],
    ]);
  });

  test('the first layer has no value-residual mixer', () => {
    const text = decoder('kv_heads: 2', 'value_residual: learned');
    expect(extraWeights(text)).toEqual({
      'layers.1.attn.value_residual.weight': [2, 64],
      'layers.1.attn.value_residual.bias': [2],
      'layers.2.attn.value_residual.weight': [2, 64],
      'layers.2.attn.value_residual.bias': [2],
    });
    const names = checkText(text).shaped?.weights.map(({ name }) => name) ?? [];
    expect(names.indexOf('layers.1.attn.value_residual.weight')).toBe(names.indexOf('layers.1.attn.v.weight') + 1);
    const named = `${text}weights: { names: { "layers.{i}.attn.value_residual.weight": "blocks.{i}.mix" } }\n`;
    const mixer = checkText(named).shaped?.weights.find(({ name }) => name === 'layers.2.attn.value_residual.weight');
    expect(mixer?.source).toEqual({ tensor: 'blocks.2.mix' });
    expect(extraWeights(decoder('value_residual: 0.5'))).toEqual({});
  });

  test('keys and values of cross-attention read the context', () => {
    const { shaped } = checkText(block('cross: 96', 'kv_heads: 2'));
    expect(shaped?.weights.map(({ shape }) => shape)).toEqual([
      [64, 64],
      [32, 96],
      [32, 96],
      [64, 64],
    ]);
  });

  test('given heads have those that are not made from an input', () => {
    const lines = ['sinks: true', 'gates: { head_scale: true }', 'head_mixing: [pre]', 'memory_kv: 2'];
    expect(Object.keys(extraWeights(attention('q_heads: 4', 'head_dim: 8', ...lines)))).toEqual([
      'attn.memory_k',
      'attn.memory_v',
      'attn.mix_pre.weight',
      'attn.sinks',
      'attn.head_scale',
    ]);
  });
});
