import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { register } from '../../src/cli/commands/export.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { exportOnnx } from '../../src/compiler/export/onnx/export-onnx.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { openFile } from '../../src/node/file-source.ts';
import { LoadedModule, SafetensorsFile, Session } from '../../src/runtime/abi1/index.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { runCommand } from '../cli/run-command.ts';
import { openExampleWeights, readExample, relativeL2, useDevice } from '../runtime/examples.ts';
import { OnnxModel } from './onnx-run.ts';

const gpu = useDevice();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-onnx-'));
});
afterAll(() => rm(folder, { recursive: true }));

function shapedOf(text: string, tensors?: SafetensorsFile['tensors']) {
  const checkpoint = tensors === undefined ? {} : { checkpoint: { path: 'model.safetensors', tensors } };
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text }, checkpoint);
  if (shaped === undefined) throw new Error(`refused: ${diagnostics.map(({ message }) => message).join('; ')}`);
  return shaped;
}

describe('the trained example in ONNX Runtime', () => {
  it('gives the logits of the reference, and goes on with its text', async () => {
    const name = 'shakespeare-minimind-gqa';
    const weights = await openExampleWeights(name);
    const shaped = shapedOf(await readFile(`examples/${name}/spec.yaml`, 'utf8'), weights.tensors);
    const model = await OnnxModel.load(shaped, weights, `examples/${name}/model.safetensors`, folder);
    const json = async (file: string) => JSON.parse(new TextDecoder().decode(await readExample(name, file)));
    const { prompt, greedy } = await json('expected.json');
    const characters: string[] = await json('vocab.json');
    const ids = [...prompt].map((character) => characters.indexOf(character));
    const reference = await SafetensorsFile.open(await openFile(`examples/${name}/expected.safetensors`));
    let logits = await model.run(ids);
    expect(relativeL2(logits, await reference.readFloat32('logits'))).toBeLessThan(2e-5);
    let text = prompt;
    for (let i = 0; i < 24; i++) {
      const last = logits.subarray(logits.length - characters.length);
      const next = last.indexOf(last.reduce((a, b) => Math.max(a, b)));
      text += characters[next];
      logits = await model.run([next]);
    }
    expect(text).toBe(greedy.slice(0, prompt.length + 24));
    await model.release();
  });
});

const decoder = (model: string, attention: string, mlp = 'kind: gated, activation: silu, width: 48') => `gqac: 1
name: decoder
model: { vocab: 53, hidden: 32, layers: 2, context: 64, ${model} }
attention: { q_heads: 4, kv_heads: 2, head_dim: 16, mask: { causal: true }, ${attention} }
mlp: { ${mlp} }
`;
const rope = 'rope: { dim: 16, pairing: half }';
const rms = 'norm: { kind: rms }';

/** Each with what it adds to a plain decoder. */
const decoders: Readonly<Record<string, string>> = {
  plain: decoder(rms, rope),
  'a window': decoder(rms, `${rope}, mask: { causal: true, window: 5 }`).replace('mask: { causal: true }, ', ''),
  sinks: decoder(rms, `${rope}, sinks: true`),
  softcap: decoder(`${rms}, final_softcap: 3`, `${rope}, softcap: 2, scale: 0.4`),
  'interleaved partial rope, biases': decoder(rms, 'rope: { dim: 8, pairing: interleaved }, biases: [q, k, v, o]'),
  'scaled rope': decoder(rms, 'rope: { pairing: half, scaling: { kind: linear, factor: 4 } }'),
  'head norms with an offset': decoder(
    'norm: { kind: rms, unit_offset: true }, embedding_scale: 3, tie_embeddings: true',
    `${rope}, qk_norm: { kind: rms, unit_offset: true }`,
  ),
  'norms of whole projections, after the parts': decoder(
    `${rms}, block: { norms: output }`,
    `${rope}, qk_norm: { kind: rms, weight: projection }, clip_qkv: 0.8`,
  ),
  'layer norms, learned positions, plain MLP': decoder(
    'norm: { kind: layer }, positions: { kind: learned, offset: 2 }, head: { bias: true }',
    'biases: [q, v]',
    'kind: plain, activation: gelu_tanh, width: 48, biases: [up, down]',
  ),
  'parallel parts, no weights in norms': decoder(
    'norm: { kind: layer, weight: false, bias: false }, block: { parallel: one_norm, residual_scale: 0.5 }, logit_scale: 0.25',
    rope,
    'kind: plain, activation: relu2, width: 48',
  ),
  'two norms side by side': decoder(
    'norm: { kind: layer }, block: { parallel: two_norms }',
    rope,
    'kind: plain, activation: gelu, width: 48',
  ),
  'norms after the sums, a narrow embedding': decoder(
    'norm: { kind: layer }, embedding_width: 20, embedding_norm: layer, block: { norms: post }',
    rope,
    'kind: gated, activation: quick_gelu, width: 48',
  ),
  sandwiches: decoder(`${rms}, block: { norms: sandwich }`, rope, 'kind: plain, activation: relu, width: 48'),
};

describe('exported decoders compute what the kernels compute', () => {
  it.each(Object.entries(decoders))('%s', async (name, text) => {
    const shaped = shapedOf(text);
    const checkpoint = await randomCheckpoint(shaped, 7);
    const tensors = await Promise.all(
      [...checkpoint.tensors].map(async ([tensor, { dtype, shape }]) => ({
        name: tensor,
        dtype,
        shape,
        bytes: await checkpoint.readBytes(tensor),
      })),
    );
    const own = await mkdtemp(join(folder, 'model-'));
    const file = join(own, 'model.safetensors');
    await writeFile(file, writeSafetensors(tensors));
    const weights = await SafetensorsFile.open(await openFile(file));
    const model = await OnnxModel.load(shaped, weights, file, own);
    const module = await LoadedModule.load(compileModule(shaped).definition, { device: gpu.device, weights });
    const session = await Session.create(module, { logits: 'all' });
    for (const ids of [Array.from({ length: 11 }, (_, i) => (i * 17 + 3) % 53), [5], [40], [1, 2, 3]]) {
      const { data } = await session.prefill(ids);
      expect(relativeL2(await model.run(ids), data), `${name}, ${ids.length} tokens`).toBeLessThan(2e-5);
    }
    module.dispose();
    await model.release();
  });
});

describe('gqac export --to onnx', () => {
  it('writes a graph beside its weights, and nowhere else', async () => {
    const run = (...args: readonly string[]) =>
      runCommand(register, 'export', 'examples/shakespeare-minimind-gqa', '--to', 'onnx', ...args);
    await copyFile('examples/shakespeare-minimind-gqa/model.safetensors', join(folder, 'weights.safetensors'));
    const graph = join(folder, 'out.onnx');
    expect(await run('--weights', join(folder, 'weights.safetensors'), '-o', graph)).toMatchObject({ code: 0 });
    const session = await InferenceSession.create(graph, { logSeverityLevel: 3 });
    expect(session.inputNames.slice(0, 2)).toEqual(['input_ids', 'attention_mask']);
    expect(session.outputNames).toContain('logits');
    await session.release();
    await expect(run('-o', graph)).rejects.toThrow('write the graph where the weights are');
    await expect(run()).rejects.toThrow('needs -o FILE');
  });
});

describe('what ONNX cannot say', () => {
  it.each([
    ['memory_kv: 2', 'attention.memory_kv'],
    ['normalizer: sigmoid', 'attention.normalizer'],
    ['alibi: {}', 'attention.alibi'],
    ['heads: { active: [0, 1] }', 'attention.heads.active'],
    ['value_dim: 8', 'attention.value_dim', 'other than head_dim'],
    ['group_order: interleaved', 'attention.group_order', 'interleaved'],
    ['head_mixing: [pre]', 'attention.head_mixing'],
    ['rope: { dim: 8, pairing: half }', 'attention.rope.dim', 'that is not a multiple of 16'],
  ])('%s is refused', (written, option, detail?: string) => {
    const reasons = [{ option, ...(detail && { detail }), layer: 0 }];
    expect(exportOnnx(shapedOf(decoder(rms, written)), new Map())).toEqual({ kind: 'refused', reasons });
  });

  it('is attention alone', () => {
    const { kind } = exportOnnx(shapedOf('gqac: 1\nname: a\nattention: { q_heads: 2, head_dim: 8 }'), new Map());
    expect(kind).toBe('refused');
  });
});
