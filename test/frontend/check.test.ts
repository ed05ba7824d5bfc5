import { describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkSpec, readWeightsFile } from '../../src/compiler/pipeline.ts';
import {
  applyFix,
  checkAttention,
  checkText,
  codesOf,
  exampleNames,
  exampleSpec,
  exampleTensors,
  only,
  sourceOf,
  textAt,
} from './helpers.ts';

const decoder = (...attentionLines: readonly string[]) =>
  `${attention(...attentionLines)}model: { vocab: 65, hidden: 192, layers: 2, context: 64 }\nmlp: { activation: silu, width: 512 }\n`;

describe('the example specs', () => {
  test.each(exampleNames)('%s is clean with its checkpoint, and without', (name) => {
    expect(codesOf(checkText(exampleSpec(name), exampleTensors(name)))).toEqual([]);
    expect(codesOf(checkText(exampleSpec(name)))).toEqual([]);
  });

  test('minimind has the shapes of its config', () => {
    const { shaped } = checkText(exampleSpec('shakespeare-minimind-gqa'), exampleTensors('shakespeare-minimind-gqa'));
    expect(shaped).toMatchObject({
      name: 'shakespeare_minimind_gqa',
      model: { vocab: 65, hidden: 192, context: 256, tieEmbeddings: true, embeddingScale: 1 },
      weightDtype: 'f16',
      weightsFile: 'model.safetensors',
    });
    expect(shaped?.layers).toHaveLength(4);
    expect(shaped?.layers[3]).toEqual({
      attention: {
        inputs: 'hidden',
        hidden: 192,
        heads: { qHeads: 6, kvHeads: 2, queriesPerKv: 3, order: 'blocked' },
        headDim: 32,
        valueDim: 32,
        similarity: 'dot',
        scale: 1 / Math.sqrt(32),
        qkNorms: [
          {
            kind: 'rms',
            eps: 1e-6,
            unitOffset: false,
            groups: 1,
            weight: 'shared',
            q: true,
            k: true,
            memory: false,
          },
        ],
        rope: { dim: 32, base: 1e6, pairing: 'half' },
        columns: { zero: 0, memory: 0 },
        mask: { causal: true, documents: false, memoryVisible: 'always', padding: 'none' },
        parameters: [],
        sinks: false,
        headMixing: { pre: false, post: false, preScalePost: false },
        normalizer: { kind: 'softmax' },
        gates: { headScale: false, head: false, value: 'none', outputGlu: false },
        biases: { q: false, k: false, v: false, o: false },
        cacheDtype: 'f32',
        hooks: [],
      },
      mlp: { kind: 'gated', activation: 'silu', width: 512, biases: { up: false, gate: false, down: false } },
    });
    const norm = { kind: 'rms', eps: 1e-6, weight: true, unitOffset: false, bias: false };
    expect(shaped?.model?.layerNorms).toEqual({ attention: norm, mlp: norm });
    expect(shaped?.weights).toHaveLength(1 + 4 * 11 + 1);
  });

  test('x-transformers reads halves of its fused matrix, and layers by twos', () => {
    const { shaped } = checkText(exampleSpec('shakespeare-xt-mem-mqa'), exampleTensors('shakespeare-xt-mem-mqa'));
    const weights = new Map(shaped?.weights.map((weight) => [weight.name, weight]));
    expect(weights.get('layers.3.attn.memory_k')).toMatchObject({
      name: 'layers.3.attn.memory_k',
      shape: [1, 8, 32],
      role: 'memory',
      source: { tensor: 'attn_layers.layers.6.1.mem_k' },
    });
    expect(weights.get('layers.1.mlp.gate.bias')).toMatchObject({
      name: 'layers.1.mlp.gate.bias',
      shape: [576],
      role: 'vector',
      source: { tensor: 'attn_layers.layers.3.1.ff.0.proj.bias', rows: [576, 1152] },
    });
    expect(shaped?.layers[0]?.attention).toMatchObject({
      heads: { qHeads: 6, kvHeads: 1, queriesPerKv: 6, order: 'interleaved' },
      columns: { zero: 0, memory: 8 },
      rope: { dim: 16, base: 10000, pairing: 'interleaved' },
    });
    const names = shaped?.weights.map(({ name }) => name) ?? [];
    expect(names.indexOf('layers.0.mlp.down.weight')).toBeLessThan(names.indexOf('layers.1.attn_norm.weight'));
    expect(names.at(-1)).toBe('head.weight');
  });

  test('spans are known for what is written only', () => {
    const { shaped } = checkText(exampleSpec('shakespeare-minimind-gqa'));
    const span = shaped?.spanOf('attention.kv_heads');
    expect(span === undefined ? undefined : textAt({ span })).toBe('2');
    expect(shaped?.spanOf('attention.value_dim')).toBeUndefined();
    expect(shaped?.spanOf('attention.cache.dtype')).toBeUndefined();
    expect(shaped?.spanOf('no.such.option')).toBeUndefined();
  });
});

describe('no false alarms', () => {
  const valid: readonly (readonly [string, string])[] = [
    ['head_dim with H·D ≠ hidden', decoder('q_heads: 8', 'head_dim: 64')],
    ['K = H', attention('q_heads: 8', 'kv_heads: 8', 'head_dim: 64')],
    ['K = 1', attention('q_heads: 8', 'kv_heads: 1', 'head_dim: 64')],
    ['odd head counts', attention('q_heads: 15', 'kv_heads: 5', 'head_dim: 64')],
    ['prime head counts', attention('q_heads: 7', 'kv_heads: 1', 'head_dim: 64')],
    ...[20, 80, 96, 192, 256].map((dim) => [`head_dim ${dim}`, attention('q_heads: 4', `head_dim: ${dim}`)] as const),
    ['odd head_dim without rope', attention('q_heads: 4', 'head_dim: 21')],
    ['memory with any value width', attention('q_heads: 4', 'head_dim: 64', 'value_dim: 24', 'memory_kv: 3')],
    [
      'memory heads equal to kv_heads',
      attention('q_heads: 8', 'kv_heads: 2', 'head_dim: 64', 'memory_kv: { slots: 3, heads: 2 }'),
    ],
    ['one_kv_head false beside kv_heads', attention('q_heads: 8', 'kv_heads: 2', 'one_kv_head: false', 'head_dim: 64')],
    ['rope without weights', attention('hidden: 512', 'q_heads: 8', 'rope: {}')],
    ['partial rope', attention('hidden: 512', 'q_heads: 8', 'head_dim: 80', 'rope: { dim: 20 }')],
    ['norm without memory', attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: l2, groups: 8 }')],
    [
      'a model with learned positions and layer norm',
      `${decoder('q_heads: 6', 'biases: [q, k, v, o]').replace('context: 64', 'context: 64, positions: { kind: learned, scale: 0.1 }, norm: { kind: layer }')}`,
    ],
    [
      'a plain MLP',
      decoder('q_heads: 6').replace('activation: silu', 'kind: plain, activation: relu2, biases: [up, down]'),
    ],
    ['integers written as floats', attention('q_heads: 8.0', 'head_dim: 6.4e1')],
    ['the same hidden in both places', decoder('q_heads: 6', 'hidden: 192')],
  ];
  test.each(valid)('%s', (_, text) => {
    const result = checkText(text);
    expect(result.diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
    expect(result.shaped).toBeDefined();
  });
});

describe('defaults', () => {
  test('depend on the other options', () => {
    const l2 = checkAttention(
      'hidden: 64',
      'q_heads: 8',
      'group_size: 4',
      'head_dim: 64',
      'qk_norm: { kind: l2 }',
      'rope: {}',
    ).shaped;
    expect(l2?.layers[0]?.attention).toMatchObject({
      inputs: 'hidden',
      heads: { qHeads: 8, kvHeads: 2, queriesPerKv: 4, order: 'blocked' },
      scale: 10,
      qkNorms: [{ kind: 'l2', eps: 1e-12, groups: 1, unitOffset: false, weight: 'none' }],
      rope: { dim: 64, base: 10000, pairing: 'half' },
    });
    expect(l2?.weights).toHaveLength(4);
    const given = checkAttention('q_heads: 8', 'head_dim: 64').shaped;
    expect(given?.layers[0]?.attention.inputs).toBe('heads');
    expect(given?.weights).toEqual([]);
    const block = checkAttention('hidden: 96', 'q_heads: 3', 'biases: [o, q]').shaped;
    expect(block?.layers[0]?.attention).toMatchObject({
      inputs: 'hidden',
      hidden: 96,
      headDim: 32,
      scale: 1 / Math.sqrt(32),
    });
    expect(block?.weights.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['attn.q.weight', 96, 96],
      ['attn.q.bias', 96],
      ['attn.k.weight', 96, 96],
      ['attn.v.weight', 96, 96],
      ['attn.o.weight', 96, 96],
      ['attn.o.bias', 96],
    ]);
    const layered = checkText(
      decoder('q_heads: 6').replace('context: 64', 'context: 64, norm: { kind: layer }'),
    ).shaped;
    expect(layered?.model?.finalNorm).toEqual({
      kind: 'layer',
      eps: 1e-5,
      weight: true,
      unitOffset: false,
      bias: true,
    });
    expect(layered?.weights.map(({ name }) => name)).toContain('layers.1.mlp_norm.bias');
  });
});

describe('rules', () => {
  test('MEM001 points at both lines, and its fix mends the spec', () => {
    const text = attention('q_heads: 8', 'head_dim: 64', 'one_kv_head: true', 'memory_kv: { slots: 4, heads: 8 }');
    const found = only(checkText(text));
    expect([found.code, textAt(found)]).toEqual(['MEM001', '8']);
    const [first] = found.notes;
    expect(first?.span === undefined ? undefined : textAt({ span: first.span })).toBe('one_kv_head: true');
    expect(applyFix(text, found)).toContain('memory_kv: { slots: 4 }\n');
    expect(codesOf(checkText(applyFix(text, found)))).toEqual([]);
    const block = attention('q_heads: 8', 'head_dim: 64', 'memory_kv:', '  heads: 4 # as there', '  slots: 4');
    const inBlock = only(checkText(block));
    expect(applyFix(block, inBlock)).toBe(attention('q_heads: 8', 'head_dim: 64', 'memory_kv:', '  slots: 4'));
    expect(inBlock.notes[0]?.text).toBe('8 KV heads, as many as query heads');
  });

  test('GQA001 lists the divisors, and each fix is one', () => {
    const text = attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64');
    const found = only(checkText(text));
    expect(found).toMatchObject({
      code: 'GQA001',
      message: 'kv_heads 3 does not divide q_heads 8',
      help: 'use 1, 2, 4 or 8',
    });
    expect(found.fixes).toHaveLength(4);
    for (const index of found.fixes.keys()) expect(codesOf(checkText(applyFix(text, found, index)))).toEqual([]);
    expect(codesOf(checkAttention('q_heads: 8', 'kv_heads: 16', 'head_dim: 64'))).toEqual(['GQA001']);
    expect(only(checkAttention('q_heads: 8', 'group_size: 3', 'head_dim: 64')).message).toBe(
      'group_size 3 does not divide q_heads 8',
    );
  });

  test('fixes of MEM006 and ROPE003 mend the spec in every style of map', () => {
    const specs = [
      attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: rms }', 'memory_kv: 4'),
      attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: rms }', 'memory_kv: { slots: 4 }'),
      attention('hidden: 512', 'q_heads: 8', 'qk_norm: { kind: rms }', 'memory_kv:', '    slots: 4'),
      `${attention('hidden: 512', 'q_heads: 8', 'rope: {}')}weights: { file: a.safetensors }\n`,
      `${attention('hidden: 512', 'q_heads: 8', 'rope:', '  dim: 8')}weights: { file: a.safetensors }\n`,
    ];
    for (const text of specs) {
      const found = only(checkText(text));
      expect(found.fixes).toHaveLength(2);
      for (const index of [0, 1]) expect(codesOf(checkText(applyFix(text, found, index)))).toEqual([]);
    }
  });

  test('a misspelt key is reported once, with the key that was meant', () => {
    const text = attention('q_head: 8', 'head_dim: 64');
    const found = only(checkText(text));
    expect([found.code, found.help]).toEqual(['SCH001', 'did you mean `q_heads`?']);
    expect(codesOf(checkText(applyFix(text, found)))).toEqual([]);
    expect(only(checkText(decoder('q_heads: 6').replace('silu', 'silly'))).help).toBe('did you mean `silu`?');
    const quoted = only(checkText(decoder('q_heads: "6"')));
    expect([quoted.code, quoted.help]).toEqual(['SCH002', 'did you mean `6`?']);
    expect(codesOf(checkText(applyFix(decoder('q_heads: "6"'), quoted, 0)))).toEqual([]);
  });

  test('DIM001 only where head_dim is derived', () => {
    expect(codesOf(checkText(decoder('q_heads: 7')))).toEqual(['DIM001']);
    expect(codesOf(checkText(decoder('q_heads: 7', 'head_dim: 32')))).toEqual([]);
  });

  test('DIM002 for two widths of the input', () => {
    expect(only(checkText(decoder('q_heads: 6', 'hidden: 96'))).message).toBe('hidden is 96 here and 192 in the model');
  });

  test('ROPE001 for odd, too wide, and a derived odd width', () => {
    for (const lines of [
      ['head_dim: 64', 'rope: { dim: 7 }'],
      ['head_dim: 64', 'rope: { dim: 66 }'],
      ['head_dim: 21', 'rope: {}'],
    ]) {
      expect(codesOf(checkAttention('hidden: 512', 'q_heads: 4', ...lines))).toEqual(['ROPE001']);
    }
  });

  test('parts that need each other', () => {
    const expectCode = (text: string, code: string) => expect(codesOf(checkText(text))).toEqual([code]);
    expectCode(decoder('q_heads: 6').replace(/mlp.*\n/, ''), 'SCH003');
    expectCode(decoder('q_heads: 6', 'head_dim: 32').replace(/model.*\n/, ''), 'SCH004');
    expectCode(attention('q_heads: 6'), 'SCH003');
    expectCode(attention('q_heads: 6', 'head_dim: 32', 'biases: [q]'), 'SCH004');
    expectCode(decoder('q_heads: 6').replace('activation', 'kind: plain, biases: [gate], activation'), 'SCH004');
    expectCode(attention('hidden: 192', 'q_heads: 6', 'qk_norm: { kind: l2, unit_offset: true }'), 'SCH004');
    expectCode(attention('q_heads: 6', 'head_dim: 32', 'one_kv_head: true', 'group_size: 6'), 'SCH004');
    expectCode(decoder('q_heads: 6').replace('context: 64', 'context: 64, positions: { scale: 2 }'), 'OPT002');
  });

  test('GQA004 wherever the word is used', () => {
    expect(codesOf(checkText(`${attention('q_heads: 6', 'head_dim: 32')}groups: 2\n`))).toEqual(['GQA004']);
    expect(codesOf(checkAttention('q_heads: 6', 'head_dim: 32', 'num_groups: 2'))).toEqual(['GQA004']);
  });

  test('everything that is wrong is reported, once each, the most fundamental first', () => {
    const text = [
      'gqac: 2',
      'name: 9lives',
      'attention:',
      '  hidden: 512',
      '  q_heads: 8',
      '  kv_heads: 3',
      '  head_dim: 64',
      '  rope: { dim: 7 }',
      '  colour: red',
      '  mask: { causal: maybe }',
      '  memory_kv: { slots: 4, heads: 5 }',
      '',
    ].join('\n');
    expect(codesOf(checkText(text))).toEqual(['SCH002', 'SCH002', 'SCH001', 'SCH002', 'GQA001', 'ROPE001']);
  });

  test('a refused value has no consequences', () => {
    expect(codesOf(checkText(decoder('q_heads: six', 'kv_heads: 5')))).toEqual(['SCH002']);
    expect(codesOf(checkText(decoder('q_heads: 7').replace('hidden: 192', 'hidden: -1')))).toEqual(['SCH002']);
    expect(codesOf(checkAttention('hidden: 512', 'q_heads: 8', 'head_dim: x', 'rope: { dim: 4096 }'))).toEqual([
      'SCH002',
    ]);
    expect(codesOf(checkAttention('hidden: 512', 'q_heads: 8', 'head_dim: 64', 'qk_norm: {}', 'memory_kv: x'))).toEqual(
      ['SCH003', 'SCH002'],
    );
    expect(codesOf(checkText('gqac: 1\nname: a\nattention: 3\n'))).toEqual(['SCH002']);
  });
});

test('readWeightsFile gives the path that the checkpoint is to be read from', () => {
  expect(readWeightsFile(sourceOf(exampleSpec('shakespeare-xt-mem-mqa')))).toBe('model.safetensors');
  expect(readWeightsFile(sourceOf(attention('q_heads: 1')))).toBeUndefined();
  for (const path of ['../a', '/etc/passwd', 'C:\\a', 'b/../../a', '\\\\host\\a']) {
    const text = `${attention('q_heads: 1', 'head_dim: 2')}weights: { file: '${path}' }\n`;
    expect(readWeightsFile(sourceOf(text))).toBeUndefined();
    expect(codesOf(checkSpec(sourceOf(text)))).toEqual(['WGT009']);
  }
});
