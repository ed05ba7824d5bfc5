import { describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkText, codesOf, exampleSpec, exampleTensors, only, type Tensors, textAt } from './helpers.ts';

const minimind = 'shakespeare-minimind-gqa';
const memory = 'shakespeare-xt-mem-mqa';

function without(tensors: Tensors, pattern: RegExp): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => !pattern.test(name)));
}

/** Changes the shapes of the tensors whose names match. */
function reshaped(tensors: Tensors, pattern: RegExp, ...shape: readonly number[]): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(
      ([name, [dtype, ...old]]) => [name, pattern.test(name) ? [dtype, ...shape] : [dtype, ...old]] as const,
    ),
  );
}

describe('a checkpoint that contradicts the spec', () => {
  const spec = exampleSpec(minimind);
  const tensors = exampleTensors(minimind);

  test('other KV heads: one finding, with the likely count', () => {
    const found = only(checkText(spec.replace('kv_heads: 2', 'kv_heads: 3'), tensors));
    expect(found).toMatchObject({ code: 'WGT002', help: 'has 2 heads of 32: kv_heads 2?' });
    expect(found.message).toContain('(and 3 more layers)');
    expect(textAt(found)).toBe('3');
  });

  test('other query heads', () => {
    const found = only(checkText(spec.replace('q_heads: 6', 'q_heads: 8'), tensors));
    expect(found).toMatchObject({ code: 'WGT002', help: 'has 6 heads of 32: q_heads 6?' });
    expect(textAt(found)).toBe('8');
  });

  test('other head_dim is DIM002, and nothing else', () => {
    const found = only(checkText(spec.replace('head_dim: 32', 'head_dim: 64'), tensors));
    expect(found.code).toBe('DIM002');
    expect(found.message).toBe('head_dim is 64 here and 32 in the checkpoint');
    expect(found.notes[0]?.text).toContain('model.layers.0.self_attn.q_proj.weight');
  });

  test('other widths name their option', () => {
    expect(only(checkText(spec.replace('vocab: 65', 'vocab: 64'), tensors)).help).toBe('vocab 65?');
    const found = checkText(spec.replace('width: 512', 'width: 576'), tensors);
    expect(codesOf(found)).toEqual(['WGT002', 'WGT002', 'WGT002']);
    expect(found.diagnostics[0]?.help).toBe('width 512?');
  });

  test('transposed and fused matrices are recognised', () => {
    const transposed = only(checkText(spec, reshaped(tensors, /down_proj/, 512, 192)));
    expect(transposed.help).toBe(
      'the matrix looks transposed: weights are `[out, in]`, others are read with `transposed: true`',
    );
    const fused = only(checkText(spec, reshaped(tensors, /up_proj/, 1024, 192)));
    expect(fused.help).toContain('`[0:512]` or `[512:1024]`');
  });

  test('only the layer that differs is named', () => {
    const found = only(checkText(spec, reshaped(tensors, /layers\.2\.mlp\.up_proj/, 500, 192)));
    expect(found.message).toContain('`model.layers.2.mlp.up_proj.weight` is [500, 192], the spec makes it [512, 192]');
    expect(found.message).not.toContain('more');
  });

  test('missing tensors, once for all layers, with the nearest name', () => {
    const renamed = Object.fromEntries(
      Object.entries(tensors).map(([name, value]) => [name.replace('q_norm', 'q_nrm'), value]),
    );
    const found = checkText(spec, renamed);
    expect(codesOf(found)).toEqual(['WGT001', 'WGT004']);
    expect(found.diagnostics[0]).toMatchObject({
      message: 'the checkpoint has no tensor `model.layers.0.self_attn.q_norm.weight` (and 3 more layers)',
      help: 'the nearest name there is `model.layers.0.self_attn.q_nrm.weight`',
    });
    expect(codesOf(checkText(spec, without(tensors, /model\.norm/)))).toEqual(['WGT001']);
  });

  test('tensors that nothing reads are a warning, rotary tables are not', () => {
    const more: Tensors = { ...tensors, 'model.rotary_emb.inv_freq': ['F32', 16], 'lm_head.bias': ['F16', 65] };
    const found = only(checkText(spec, more));
    expect([found.code, found.severity]).toEqual(['WGT004', 'warning']);
    expect(found.message).toBe('one tensor of the checkpoint is not used: lm_head.bias');
    expect(checkText(spec, more).shaped).toBeDefined();
  });

  test('types that are no weights', () => {
    const found = only(checkText(spec, { ...tensors, 'model.norm.weight': ['I8', 192] }));
    expect(found.code).toBe('WGT003');
  });

  test('storage follows the larger part of the matrices', () => {
    const dtype = (pattern: RegExp, to: string): Tensors =>
      Object.fromEntries(
        Object.entries(tensors).map(
          ([name, [own, ...shape]]) => [name, [pattern.test(name) ? to : own, ...shape]] as const,
        ),
      );
    expect(checkText(spec, tensors).shaped?.weightDtype).toBe('f16');
    expect(checkText(spec, dtype(/norm|q_proj/, 'F32')).shaped?.weightDtype).toBe('f16');
    expect(checkText(spec, dtype(/proj/, 'BF16')).shaped?.weightDtype).toBe('bf16');
    expect(checkText(spec).shaped?.weightDtype).toBe('f32');
    expect(checkText(spec.replace('file:', 'dtype: f32\n  file:'), tensors).shaped?.weightDtype).toBe('f32');
  });
});

describe('memory in the checkpoint', () => {
  const spec = exampleSpec(memory);
  const tensors = exampleTensors(memory);

  test('for another number of KV heads is MEM001, at both lines', () => {
    const found = only(checkText(spec, reshaped(tensors, /mem_[kv]$/, 6, 8, 32)));
    expect(found).toMatchObject({ code: 'MEM001', message: 'memory keys have 6 heads, the attention has 1 KV head' });
    expect(textAt(found)).toBe('memory_kv');
    expect(found.notes[0]?.span === undefined ? '' : textAt({ span: found.notes[0].span })).toBe('one_kv_head: true');
    expect(found.notes[1]?.text).toBe('tensor `attn_layers.layers.0.1.mem_k` is [6, 8, 32]');
  });

  test('when the spec says so as well, it is said once', () => {
    const text = spec.replace('{ slots: 8 }', '{ slots: 8, heads: 6 }');
    expect(textAt(only(checkText(text, reshaped(tensors, /mem_[kv]$/, 6, 8, 32))))).toBe('6');
  });

  test('with other slots', () => {
    const found = checkText(spec.replace('slots: 8', 'slots: 4'), tensors);
    expect(codesOf(found)).toEqual(['WGT002', 'WGT002']);
    expect(found.diagnostics[0]?.help).toBe('memory_kv.slots 8?');
  });

  test('with other value width is MEM002', () => {
    const found = checkText(spec, reshaped(tensors, /mem_v$/, 1, 8, 16));
    expect(codesOf(found)).toEqual(['MEM002']);
  });

  test('kv_heads of the projections explain it: only those are reported', () => {
    const more = reshaped(reshaped(tensors, /to_[kv]/, 64, 192), /mem_[kv]$/, 2, 8, 32);
    expect(only(checkText(spec, more))).toMatchObject({ code: 'WGT002', help: 'has 2 heads of 32: kv_heads 2?' });
  });
});

test('names: a template that is refused has no missing tensor', () => {
  const text = `${attention('q_heads: 4', 'head_dim: 8', 'memory_kv: 2')}weights:\n  names: { attn.memory_k: "a{b}", attn.memoryv: x }\n`;
  expect(codesOf(checkText(text, { x: ['F32', 4, 2, 8] }))).toEqual(['WGT007', 'WGT006']);
});

test.each([
  ['"{i}"', /is not in a layer/],
  ['"a[0:3]"', /the range has 3 rows, `attn.memory_k` has 4/],
  ['"a[3:3]"', /has no rows/],
  ['"a{i*2}"', /braces/],
  ['"a}"', /braces/],
  ['""', /empty/],
])('the tensor name %s is refused', (name, problem) => {
  const text = `${attention('q_heads: 4', 'head_dim: 8', 'memory_kv: 2')}weights:\n  names: { attn.memory_k: ${name} }\n`;
  expect(only(checkText(text))).toMatchObject({ code: 'WGT007', message: expect.stringMatching(problem) });
});
