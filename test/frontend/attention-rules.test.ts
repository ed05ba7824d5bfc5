import { describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { applyFix, checkAttention, checkText, codesOf, only, type Tensors } from './helpers.ts';

const block = (...lines: readonly string[]) => attention('hidden: 64', 'q_heads: 4', ...lines);
const given = (...lines: readonly string[]) => attention('q_heads: 4', 'head_dim: 16', ...lines);
const decoder = (...lines: readonly string[]) =>
  `${attention('q_heads: 4', ...lines)}model: { vocab: 16, hidden: 64, layers: 3, context: 32 }\nmlp: { activation: silu, width: 96 }\n`;

describe('checkpoints', () => {
  const projections: Tensors = {
    'attn.q.weight': ['F32', 64, 64],
    'attn.k.weight': ['F32', 32, 64],
    'attn.v.weight': ['F32', 32, 64],
    'attn.o.weight': ['F32', 64, 64],
  };
  const codes = (lines: readonly string[], more: Tensors) =>
    codesOf(checkText(block('kv_heads: 2', ...lines), { ...projections, ...more }));

  test('axes of one entry are as good as none where weights are per head', () => {
    const lines = [
      'qk_norm: { kind: l2, weight: per_head }',
      'sinks: true',
      'gates: { head_scale: true }',
      'head_mixing: [post]',
    ];
    const tensors: Tensors = {
      'attn.q_norm.weight': ['F32', 4, 1, 16],
      'attn.k_norm.weight': ['F32', 2, 1, 16],
      'attn.sinks': ['F32', 1, 4, 1],
      'attn.head_scale': ['F32', 1, 4, 1, 1],
      'attn.mix_post.weight': ['F32', 4, 4, 1, 1],
    };
    expect(codes(lines, tensors)).toEqual([]);
  });

  test('norms of another form: NRM001 with the option to write', () => {
    const check = (weight: string, q: readonly number[], k: readonly number[]) =>
      checkText(block('kv_heads: 2', `qk_norm: { kind: rms, weight: ${weight} }`), {
        ...projections,
        'attn.q_norm.weight': ['F32', ...q],
        'attn.k_norm.weight': ['F32', ...k],
      }).diagnostics.map(({ code, help }) => `${code}: ${help}`);
    expect(check('per_head', [16], [2, 16])).toEqual(['NRM001: one weight for all heads: write `weight: shared`']);
    expect(check('shared', [16], [2, 16])).toEqual(['NRM001: a weight for each head: write `weight: per_head`']);
    expect(check('shared', [16], [32])).toEqual(['NRM001: expected 16 entries, the width of a head']);
    expect(check('per_head', [4, 1, 16], [4, 1, 16])).toEqual([
      'NRM001: expected 2 rows, one for each of the KV heads',
    ]);
  });

  test('other KV heads explain a norm for each of them', () => {
    const tensors: Tensors = {
      'attn.k.weight': ['F32', 64, 64],
      'attn.v.weight': ['F32', 64, 64],
      'attn.q_norm.weight': ['F32', 4, 16],
      'attn.k_norm.weight': ['F32', 4, 16],
    };
    expect(codes(['qk_norm: { kind: rms, weight: per_head }'], tensors)).toEqual(['WGT002']);
  });

  test('sinks for each KV head: SNK001', () => {
    expect(codes(['sinks: true'], { 'attn.sinks': ['F32', 2] })).toEqual(['SNK001']);
  });
});

describe('rules', () => {
  const expectCodes = (text: string, ...expected: readonly string[]) =>
    expect(codesOf(checkText(text)), text).toEqual(expected);

  test('given heads: what makes heads from an input is refused, once each', () => {
    const refused = [
      'qk_norm: { kind: rms }',
      'value_norm: rms',
      'rope: {}',
      'cross: 64',
      'out_hidden: 64',
      'biases: [q]',
      'gates: { head: true }',
      'gates: { value: silu }',
      'gates: { output_glu: true }',
      'value_residual: 0.5',
    ];
    for (const line of refused) {
      const { diagnostics } = checkAttention('q_heads: 4', 'head_dim: 16', 'memory_kv: 2', line);
      expect(
        diagnostics.map(({ code }) => code),
        line,
      ).toEqual(['SCH004']);
    }
    expect(only(checkAttention('q_heads: 4', 'head_dim: 16', 'rope: { dim: 7 }')).message).toContain(
      'given heads are already normalised and rotated',
    );
    for (const line of [
      'gates: { head: false, value: none }',
      'biases: []',
      'sinks: true',
      'zero_kv: true',
      'alibi: 4',
    ])
      expectCodes(attention('q_heads: 4', 'head_dim: 16', line));
  });

  test('models', () => {
    expectCodes(decoder('cross: 64'), 'SCH004');
    expectCodes(decoder('out_hidden: 32'), 'SCH004');
    expectCodes(decoder('mask: { padding: keys }'), 'SCH004');
    expectCodes(decoder('bias: {}'), 'SCH004');
    expectCodes(decoder('value_residual: 0.5').replace('layers: 3', 'layers: 1'), 'SCH004');
    expectCodes(block('value_residual: 0.5'), 'SCH004');
    expectCodes(decoder('mask: { window: 32 }'), 'WIN002');
    expectCodes(decoder('mask: { window: 31 }'));
  });

  test('cross-attention has no positions', () => {
    for (const line of ['mask: { causal: true }', 'mask: { window: 8 }', 'rope: {}', 'alibi: {}', 't5_bias: {}'])
      expectCodes(block('cross: 64', line), 'XAT001');
    expectCodes(block('cross: 64', 'mask: { padding: keys_and_queries }'), 'XAT001');
    expectCodes(block('cross: 64', 'memory_kv: 2', 'zero_kv: true', 'sinks: true', 'mask: { causal: false }'));
  });

  test('hidden rows are zero, so the output has no bias', () => {
    expectCodes(block('mask: { padding: keys_and_queries }', 'biases: [q, o]'), 'SCH004');
    expectCodes(block('mask: { padding: keys_and_queries }', 'biases: [q, k, v]'));
    expectCodes(block('mask: { padding: keys }', 'biases: [o]'));
  });

  test('CAP001 for every bias, and for what is no cap', () => {
    for (const line of ['alibi: {}', 't5_bias: {}', 'bias: {}']) expectCodes(block('softcap: 5', line), 'CAP001');
    for (const cap of ['0', '-1', '1e-50']) expectCodes(block(`softcap: ${cap}`), 'CAP001');
    expectCodes(block('softcap: 1e39'), 'SCH002');
    expectCodes(block('logits_order: [bias, cap]', 'alibi: {}'), 'OPT002');
    expectCodes(block('logits_order: [bias, cap]', 'softcap: 5'), 'OPT002');
    expectCodes(block('logits_order: [bias]', 'softcap: 5', 'bias: {}'), 'SCH002');
    expectCodes(block('logits_order: [cap, cap]', 'softcap: 5', 'bias: {}'), 'SCH002');
  });

  test('queries and outputs of f16 are for given heads whose values are pairs, and not multiplied in place', () => {
    const half = 'precision: { activations: f16 }';
    expectCodes(given(half));
    expectCodes(block('precision: { activations: f32 }'));
    expectCodes(block(half), 'SCH004');
    expectCodes(given(half, 'value_dim: 7'), 'SCH004');
    expectCodes(given(half, 'gates: { head_scale: true }'), 'SCH004');
  });

  test('rounding queries is for given ones of f32, keys of f16, and a softmax of all heads', () => {
    const half = 'precision: { compute: f16 }';
    expectCodes(given(half, 'cache: { dtype: f16 }'));
    expectCodes(block('precision: { compute: f32 }'));
    expectCodes(block(half, 'cache: { dtype: f16 }'), 'OPT002');
    expectCodes(given(half), 'OPT002');
    expectCodes(given('precision: { compute: f16, activations: f16 }', 'cache: { dtype: f16 }'), 'OPT002');
    for (const line of [
      'similarity: l2',
      'head_mixing: [pre]',
      'normalizer: sigmoid',
      'hooks: { names: [scores] }',
      'heads: { active: [0] }',
    ])
      expectCodes(given(half, 'cache: { dtype: f16 }', line), 'OPT002');
  });

  test('MEM005 for memory and for a zero column', () => {
    expectCodes(block('mask: { window: 8 }', 'zero_kv: true'), 'MEM005');
    expectCodes(block('mask: { window: 8 }', 'memory_kv: 2'), 'MEM005');
    expectCodes(block('mask: { window: 8, memory: always }', 'memory_kv: 2'));
    expectCodes(block('mask: { window: 8, memory: always }'), 'OPT002');
    expectCodes(block('mask: { memory: windowed }', 'memory_kv: 2'), 'OPT002');
    expectCodes(block('mask: { window: 8 }'));
  });

  test('positions', () => {
    expectCodes(block('rope: { heads: 5 }'), 'ROPE004');
    expectCodes(block('one_kv_head: true', 'rope: { heads: 2 }'), 'ROPE004');
    expectCodes(block('rope: { heads: 3 }', 'alibi: {}'));
    expectCodes(block('alibi: { heads: 5 }'), 'POS002');
    expectCodes(block('t5_bias: { buckets: 2 }'), 'POS003');
    expectCodes(block('t5_bias: { buckets: 2, max_distance: 2 }', 'mask: { causal: true }'));
    expectCodes(block('t5_bias: { buckets: 2, max_distance: 1 }', 'mask: { causal: true }'), 'POS003');
    expectCodes(block('t5_bias: { max_distance: 8 }'), 'POS003');
    expectCodes(block('t5_bias: { max_distance: 9 }'));
  });

  test('normalizers', () => {
    expectCodes(block('normalizer: topk'), 'SCH003');
    expectCodes(block('normalizer: { k: 4 }'), 'SCH004');
    expectCodes(block('normalizer: { kind: topk, k: 0 }'), 'SCH002');
    expectCodes(block('normalizer: sigmoid', 'sinks: true'), 'OPT002');
    expect(checkText(block('normalizer: sigmoid', 'sinks: true')).shaped).toBeDefined();
  });

  test('fixes of MEM005 and CAP001 mend the spec', () => {
    const texts = [
      block('memory_kv: 2', 'mask: { window: 8 }'),
      block('memory_kv: 2', 'mask:', '  window: 8'),
      block('softcap: 5', 'alibi: {}'),
      block('softcap: 5', 'alibi: {}').replace(/attention:\n([\s\S]*)/, (_, body: string) => {
        const entries = body
          .trim()
          .split('\n')
          .map((line) => line.trim());
        return `attention: { ${entries.join(', ')} }\n`;
      }),
    ];
    for (const text of texts) {
      const found = only(checkText(text));
      expect(found.fixes).toHaveLength(2);
      for (const index of [0, 1]) expect(codesOf(checkText(applyFix(text, found, index)))).toEqual([]);
    }
  });

  test('a refused value has no consequences', () => {
    expectCodes(block('mask: { window: x }', 'memory_kv: 2'), 'SCH002');
    expectCodes(block('mask: { windw: 8, memory: always }', 'memory_kv: 2'), 'SCH001');
    expectCodes(block('softcap: x', 'alibi: {}', 'logits_order: [cap, bias]'), 'SCH002');
    expectCodes(block('logits_order: x', 'alibi: {}', 'softcap: 5'), 'SCH002');
    expectCodes(block('normalizer: { kind: topk, k: x }'), 'SCH002');
    expectCodes(attention('hiden: 64', 'q_heads: 4', 'head_dim: 16', 'rope: {}', 'biases: [q]'), 'SCH001');
  });
});
