import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { bytesSource } from '../../src/runtime/abi1/byte-source.ts';
import type { WeightDecl } from '../../src/runtime/abi1/definition.ts';
import { fromFloat32, toFloat32 } from '../../src/runtime/abi1/floats.ts';
import { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { weightPieces } from '../../src/runtime/abi1/weight-pieces.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { format, parse } from '../dsl/helpers.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const model = (attention: string, names: readonly string[]) => `
model: { vocab: 31, hidden: 20, layers: 2, context: 24, tie_embeddings: true }
attention: { ${attention}, mask: { causal: true } }
mlp: { kind: plain, activation: gelu, width: 24 }
weights:
  names:
${names.map((name) => `    ${name}`).join('\n')}
`;

const turned = (own: string, tensor: string) => `"layers.{i}.${own}": { tensor: "h.{i}.${tensor}", transposed: true }`;
const blocks = (own: string, [count, from, size, stride]: readonly number[]) =>
  `"layers.{i}.attn.${own}": { tensor: "h.{i}.qkv.${own.split('.')[1]}", blocks: { count: ${count}, from: ${from}, size: ${size}, stride: ${stride} } }`;

const perHead = ['q', 'k', 'v'].flatMap((part, index) =>
  ['weight', 'bias'].map((kind) => blocks(`${part}.${kind}`, [4, 5 * index, 5, 15])),
);

const sources = {
  'matrices stored [in, out], q, k and v in one': model('q_heads: 4, biases: [q, k, v]', [
    ...['q', 'k', 'v'].flatMap((part, index) => [
      `"layers.{i}.attn.${part}.weight": { tensor: "h.{i}.c_attn.w", transposed: true, rows: [${20 * index}, ${20 * index + 20}] }`,
      `"layers.{i}.attn.${part}.bias": "h.{i}.c_attn.b[${20 * index}:${20 * index + 20}]"`,
    ]),
    turned('attn.o.weight', 'c_proj.w'),
    turned('mlp.up.weight', 'c_fc.w'),
    turned('mlp.down.weight', 'c_out.w'),
  ]),
  'q, k and v of each head after the other': model('q_heads: 4, biases: [q, k, v]', perHead),
  'the queries of each KV head, its key and its value': model('q_heads: 4, kv_heads: 2, head_dim: 6', [
    blocks('q.weight', [2, 0, 12, 24]),
    blocks('k.weight', [2, 12, 6, 24]),
    blocks('v.weight', [2, 18, 6, 24]),
  ]),
  'entries in turn': model('q_heads: 4, biases: [q, k]', [
    blocks('q.weight', [20, 0, 1, 2]),
    blocks('k.weight', [20, 1, 1, 2]),
    blocks('q.bias', [20, 1, 1, 2]),
    blocks('k.bias', [20, 0, 1, 2]),
  ]),
};

const experts = (names: readonly string[]) =>
  model('q_heads: 4, qk_norm: { kind: layer, weight: per_head }', [
    '"layers.{i}.attn.q_norm.weight": "h.{i}.norms.{e}.weight"',
    ...names.map((name) => `"layers.{i}.mlp.experts.${name}`),
  ]).replace(
    '{ kind: plain, activation: gelu, width: 24 }',
    '{ activation: silu, width: 24, experts: { count: 3, active: 2, width: 10, biases: [up, down] } }',
  );

const expertSources = {
  'experts in tensors of their own': experts([
    'gate.weight": "h.{i}.{e}.fused[0:10]"',
    'up.weight": "h.{i}.{e}.fused[10:20]"',
    'down.weight": { tensor: "h.{i}.{e}.down", transposed: true }',
    'up.bias": { tensor: "h.{i}.{e}.bias", blocks: { count: 10, from: 1, size: 1, stride: 2 } }',
  ]),
  'all experts in one tensor, transposed, gate and up in turn': experts([
    'gate.weight": { tensor: "h.{i}.fused", transposed: true, blocks: { count: 30, from: 0, size: 1, stride: 2 } }',
    'up.weight": { tensor: "h.{i}.fused", transposed: true, blocks: { count: 30, from: 1, size: 1, stride: 2 } }',
    'up.bias": { tensor: "h.{i}.bias", blocks: { count: 3, from: 10, size: 10, stride: 20 } }',
  ]),
};

const gpu = useDevice();

describe('a checkpoint with', () => {
  it.each(
    Object.entries({ ...sources, ...expertSources }).flatMap(([name, yaml]) =>
      ['f32', 'f16'].map((dtype) => [name, dtype, yaml] as const),
    ),
  )('%s, stored as %s, is loaded as the reference reads it', async (_, dtype, yaml) => {
    const shaped = shapedOf(yaml.replace('weights:\n', `weights:\n  dtype: ${dtype}\n`));
    const checkpoint = await randomCheckpoint(shaped, 3);
    const text = `gqac: 1\nname: numeric\n${yaml}`;
    const header = { path: checkpoint.name, tensors: checkpoint.tensors };
    expect(checkSpec({ path: 'spec.yaml', text }, { checkpoint: header }).diagnostics).toEqual([]);
    const options = { device: gpu.device, checkpoint, tokens: 7, seed: 3 };
    const { entries } = await verifyModule(shaped, compileModule(shaped), options);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.some(({ stage }) => stage === 'whole')).toBe(true);
  });
});

/** `[2, 3, 4]`: 0, 1, 2, … */
async function counting(shape: readonly number[]): Promise<SafetensorsFile> {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => at);
  const bytes = writeSafetensors([{ name: 't', dtype: 'F32', shape, bytes: fromFloat32('f32', values) }]);
  return SafetensorsFile.open(bytesSource('counting', bytes));
}

async function loaded(shape: readonly number[], weight: Omit<WeightDecl, 'name' | 'source'>) {
  const pieces: number[] = [];
  for await (const { bytes } of weightPieces(await counting(shape), { name: 'w', source: 't', ...weight })) {
    const dtype = weight.dtype === 'f32' ? 'F32' : 'F16';
    pieces.push(...toFloat32(dtype, bytes, bytes.byteLength / (dtype === 'F32' ? 4 : 2)));
  }
  return pieces;
}

describe('pieces of a weight', () => {
  it('of several matrices stored transposed', async () => {
    const weight = { shape: [2, 4, 3], dtype: 'f32', pitch: 3, transposed: true } as const;
    expect(await loaded([2, 3, 4], weight)).toEqual(
      [0, 12].flatMap((matrix) => [0, 1, 2, 3].flatMap((column) => [0, 4, 8].map((row) => matrix + row + column))),
    );
  });

  it('of transposed matrices whose columns are taken in turn, padded', async () => {
    const odd = { count: 4, from: 3, size: 3, stride: 6 };
    const weight = { shape: [2, 2, 3], dtype: 'f16', pitch: 4, transposed: true, blocks: odd } as const;
    expect(await loaded([2, 3, 4], weight)).toEqual([...[1, 5, 9, 0, 3, 7, 11, 0], ...[13, 17, 21, 0, 15, 19, 23, 0]]);
  });

  it('of rows in the middle, and of blocks over several axes', async () => {
    const rows = { count: 1, from: 6, size: 6, stride: 6 };
    expect(await loaded([4, 3], { shape: [2, 3], dtype: 'f32', pitch: 4, blocks: rows })).toEqual([
      ...[6, 7, 8, 0],
      ...[9, 10, 11, 0],
    ]);
    const halves = { count: 2, from: 4, size: 8, stride: 12 };
    const weight = { shape: [2, 2, 4], dtype: 'f32', pitch: 4, blocks: halves } as const;
    expect(await loaded([2, 3, 4], weight)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23]);
  });

  it('of a tensor that is read in more than one piece', async () => {
    const width = 1024;
    const rows = 3 * 2048;
    const blocks = { count: 3, from: 100 * width, size: 2 * width, stride: 2048 * width };
    const found = await loaded([rows, width], { shape: [6, width], dtype: 'f32', pitch: width, blocks });
    expect(found.length).toBe(6 * width);
    const firsts = [0, 1, 2].flatMap((block) => [100, 101].map((row) => Math.fround((block * 2048 + row) * width)));
    expect(Array.from({ length: 6 }, (_, row) => found[row * width])).toEqual(firsts);
    const columns = { count: 1, from: 5 * rows, size: 2 * rows, stride: 2 * rows };
    const weight = { shape: [2, rows], dtype: 'f32', pitch: rows, transposed: true, blocks: columns } as const;
    const turnedRows = await loaded([rows, width], weight);
    expect(turnedRows[3]).toBe(3 * width + 5);
    expect(turnedRows[rows + rows - 1]).toBe(Math.fround((rows - 1) * width + 6));
  });
});

const q = '"layers.{i}.attn.q.weight"';

describe('what is wrong with a source', () => {
  it.each([
    [
      `${q}: { tensor: "a[0:20]", rows: [0, 20] }`,
      'WGT007 a source has one range `[start:end]`, or `rows`, or `blocks`',
    ],
    [`${q}: { tensor: a, rows: [20, 20] }`, 'SCH002'],
    [`${q}: { tensor: a, rows: [20, 0] }`, 'WGT007 the range 20 to 0 has no rows'],
    [`${q}: { tensor: a, rows: [0, 19] }`, 'WGT007 the range has 19 rows'],
    [blocks('q.weight', [4, 12, 5, 15]), 'WGT007 rows 12 to 17 are not within a block of 15'],
    [blocks('q.weight', [3, 0, 5, 15]), 'WGT007 the blocks give 15 rows'],
    ['final_norm.weight: { tensor: a, transposed: true }', 'WGT007 `final_norm.weight` has one axis'],
    [`${q}: { tensor: a, row: [0, 20] }`, 'SCH001'],
    [`${q}: { rows: [0, 20] }`, 'SCH003'],
    [`${q}: { tensor: a, rows: [0] }`, 'SCH002'],
    [`${q}: [a]`, 'SCH002'],
  ])('%s: %s', (name, start) => {
    const text = `gqac: 1\nname: numeric\n${model('q_heads: 4', [name])}`;
    const found = checkSpec({ path: 'spec.yaml', text }).diagnostics.map(({ code, message }) => `${code} ${message}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(start);
  });

  it('blocks that have rows in common are reported, others are not', () => {
    const codes = (from: number) => {
      const names = [blocks('q.weight', [4, 0, 5, 15]), blocks('k.weight', [4, from, 5, 15])];
      const text = `gqac: 1\nname: numeric\n${model('q_heads: 4', names)}`;
      return checkSpec({ path: 'spec.yaml', text }).diagnostics.map(({ code }) => code);
    };
    expect(codes(5)).toEqual([]);
    expect(codes(4)).toEqual(['WGT008']);
  });

  it('a stride that is not that of the tensor is reported with the one that is', async () => {
    const right = model('q_heads: 4, biases: [q, k, v]', perHead);
    const checkpoint = await randomCheckpoint(shapedOf(right), 3);
    const text = `gqac: 1\nname: numeric\n${right.replaceAll('stride: 15', 'stride: 20')}`;
    const header = { path: checkpoint.name, tensors: checkpoint.tensors };
    const [first] = checkSpec({ path: 'spec.yaml', text }, { checkpoint: header }).diagnostics;
    expect(first?.code).toBe('WGT013');
    expect(first?.message).toBe('4 blocks of 20 rows make 80, `h.0.qkv.weight` has 60');
    expect(first?.help).toBe('is the stride 15?');
  });
});

describe('the other syntax', () => {
  it('has the same sources', async () => {
    const text = `gqac: 1\nname: numeric\n${sources['matrices stored [in, out], q, k and v in one']}`;
    const dsl = await format(text, 'yaml', 'dsl');
    expect(dsl).toContain('layers.{i}.mlp.up.weight { tensor h.{i}.c_fc.w, transposed }');
    expect(parse(dsl).plain).toEqual(parse(text, 'yaml').plain);
  });
});
