import { mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { openCheckpoint } from '../../src/node/checkpoint-file.ts';
import { planPacking, writePacked } from '../../src/node/pack-checkpoint.ts';
import { bytesSource } from '../../src/runtime/abi1/byte-source.ts';
import type { Checkpoint } from '../../src/runtime/abi1/checkpoint.ts';
import type { WeightDecl } from '../../src/runtime/abi1/definition.ts';
import { packedMetadata, placedIn } from '../../src/runtime/abi1/packed-checkpoint.ts';
import { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import { type TensorData, writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { weightPieces } from '../../src/runtime/abi1/weight-pieces.ts';
import { checkWeights } from '../../src/runtime/abi1/weights.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { runCommand } from '../cli/run-command.ts';
import { checkText } from '../frontend/helpers.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

/** Odd numbers of groups, matrices that are parts of others, experts in tensors of their own, and weights that stay as they are. */
const spec = (weights: string) => `
model: { vocab: 35, hidden: 96, layers: 1, context: 24, tie_embeddings: true }
attention: { q_heads: 3, head_dim: 32, biases: [q], gates: { head: true }, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 32, experts: { count: 3, active: 2 } }
weights:
  ${weights}
  names:
    "layers.{i}.attn.q.weight": { tensor: "h.{i}.qkv", transposed: true, rows: [0, 96] }
    "layers.{i}.attn.k.weight": { tensor: "h.{i}.qkv", transposed: true, rows: [96, 192] }
    "layers.{i}.attn.v.weight": { tensor: "h.{i}.qkv", transposed: true, rows: [192, 288] }
    "layers.{i}.mlp.experts.gate.weight": { tensor: "h.{i}.{e}.fused", blocks: { count: 32, from: 0, size: 1, stride: 2 } }
    "layers.{i}.mlp.experts.up.weight": { tensor: "h.{i}.{e}.fused", blocks: { count: 32, from: 1, size: 1, stride: 2 } }`;

const int4 = { dtype: 'int4', group: 32 } as const;
const gpu = useDevice();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-packed-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function packed(weights: readonly WeightDecl[], file: Checkpoint, name: string): Promise<string> {
  const path = join(folder, name);
  const handle = await open(path, 'w');
  const plan = planPacking(weights, int4, file);
  const size = await writePacked(plan, handle, () => {}, new AbortController().signal).finally(() => handle.close());
  expect((await stat(path)).size).toBe(size);
  return path;
}

/** What the device has of a weight. */
async function deviceBytes(file: Checkpoint, weight: WeightDecl): Promise<Uint8Array> {
  const pieces: { offset: number; bytes: Uint8Array }[] = [];
  for await (const piece of weightPieces(file, weight)) pieces.push(piece);
  const bytes = new Uint8Array(Math.max(...pieces.map((one) => one.offset + one.bytes.byteLength)));
  for (const piece of pieces) {
    expect(piece.offset % 4).toBe(0);
    bytes.set(piece.bytes, piece.offset);
  }
  return bytes;
}

describe('a packed checkpoint', () => {
  const shaped = shapedOf(spec('dtype: int4').trim());
  const compiled = compileModule(shaped);
  const { weights } = compiled.definition;

  it('gives the device the bytes that the checkpoint gives that it was made of', async () => {
    const file = await randomCheckpoint(shaped, 3);
    const path = await packed(weights, file, 'same.safetensors');
    const small = await openCheckpoint(path);
    const placed = placedIn(small, weights);
    checkWeights(placed, small);
    for (const [index, weight] of weights.entries()) {
      const own = placed[index] as WeightDecl;
      expect([weight.name, await deviceBytes(small, own)]).toEqual([weight.name, await deviceBytes(file, weight)]);
    }
    await small.close();
  });

  it('is verified against a reference that reads its integers', { timeout: 180_000 }, async () => {
    const path = await packed(weights, await randomCheckpoint(shaped, 4), 'verified.safetensors');
    const checkpoint = await openCheckpoint(path);
    const { entries } = await verifyModule(shaped, compiled, { device: gpu.device, checkpoint, tokens: 4, seed: 4 });
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.some(({ stage }) => stage === 'whole')).toBe(true);
    await checkpoint.close();
  });

  it('is that of one way to store integers: others are told how it is stored', async () => {
    const path = await packed(weights, await randomCheckpoint(shaped, 5), 'other.safetensors');
    const checkpoint = await openCheckpoint(path);
    const int8 = compileModule(shapedOf(spec('dtype: int8').trim())).definition.weights;
    expect(() => placedIn(checkpoint, int8)).toThrow(/matrices are int4 in groups of 32, int8 of 32: build the module/);
    const plain = compileModule(shapedOf(spec('dtype: f16').trim())).definition.weights;
    expect(() => placedIn(checkpoint, plain)).toThrow(/int4 in groups of 32, the module has none/);
    expect(() => planPacking(weights, int4, checkpoint)).toThrow(/is packed already/);
    await checkpoint.close();
  });

  it('has the table of tokens as integers where the spec asks for it', async () => {
    const asked = compileModule(shapedOf(spec('dtype: int4\n  embeddings: quantized').trim())).definition.weights;
    const file = await randomCheckpoint(shaped, 7);
    const checkpoint = await openCheckpoint(await packed(asked, file, 'table.safetensors'));
    expect(checkpoint.info('embed.weight')).toMatchObject({ dtype: 'U8', shape: [35, 48] });
    const table = (of: readonly WeightDecl[]) => of.find(({ name }) => name === 'embed.weight') as WeightDecl;
    const own = await deviceBytes(checkpoint, table(placedIn(checkpoint, asked)));
    expect(own).toEqual(await deviceBytes(file, table(asked)));
    expect(() => checkWeights(placedIn(checkpoint, weights), checkpoint)).toThrow(/embed\.weight/);
    // One that has it as it was is quantised while it is loaded.
    const without = await openCheckpoint(await packed(weights, file, 'no-table.safetensors'));
    expect(await deviceBytes(without, table(placedIn(without, asked)))).toEqual(own);
    await checkpoint.close();
    await without.close();
  });

  it('that is cut off, or lacks scales, is refused before anything is loaded', async () => {
    const file = await openCheckpoint(await packed(weights, await randomCheckpoint(shaped, 6), 'whole.safetensors'));
    const tensors = await Promise.all(
      [...file.tensors].map(
        async ([name, { dtype, shape }]): Promise<TensorData> => ({
          name,
          dtype,
          shape,
          bytes: await file.readBytes(name),
        }),
      ),
    );
    await file.close();
    const reopened = (changed: readonly TensorData[]) =>
      SafetensorsFile.open(bytesSource('changed', writeSafetensors(changed, packedMetadata(int4))));
    const scales = 'layers.0.attn.o.weight.scales';
    const without = await reopened(tensors.filter(({ name }) => name !== scales));
    expect(() => checkWeights(placedIn(without, weights), without)).toThrow(/attn\.o\.weight\.scales.*not in the file/);
    const shorter = await reopened(
      tensors.map((one) => (one.name === scales ? { ...one, shape: [48, 3], bytes: one.bytes.subarray(0, 288) } : one)),
    );
    expect(() => checkWeights(placedIn(shorter, weights), shorter)).toThrow(/is F16 \[48,3\].*needs F16 \[96,3\]/);
    const cut = writeSafetensors(tensors, packedMetadata(int4)).slice(0, -1);
    await expect(SafetensorsFile.open(bytesSource('cut', cut))).rejects.toThrow(/truncated/);
  });
});

describe('the checker', () => {
  const text = `gqac: 1\nname: x\nattention: { hidden: 64, q_heads: 2, head_dim: 32 }\nweights: { dtype: int4 }\n`;
  const tensors = Object.fromEntries(
    ['q', 'k', 'v', 'o'].flatMap((name) => [
      [`attn.${name}.weight`, ['U8', 64, 32]],
      [`attn.${name}.weight.scales`, ['F16', 64, 2]],
    ]),
  ) as Record<string, readonly [string, ...number[]]>;
  const metadata = Object.fromEntries(packedMetadata(int4));
  const reported = (changed: Readonly<Record<string, readonly [string, ...number[]]>>) =>
    checkText(text, { ...tensors, ...changed }, undefined, metadata).diagnostics.map(({ message }) => message);

  it('reads codes and scales as one matrix', () => {
    expect(reported({})).toEqual([]);
    expect(reported({ 'attn.k.weight': ['U8', 32, 32], 'attn.k.weight.scales': ['F16', 32, 2] })).toEqual([
      'tensor `attn.k.weight` is [32, 64], the spec makes it [64, 64]',
    ]);
  });

  it('says how to take a table of tokens that is of integers', () => {
    const model = (weights: string) => `gqac: 1
name: x
model: { vocab: 40, hidden: 64, layers: 1, context: 16, tie_embeddings: true, norm: { kind: rms } }
attention: { q_heads: 2, mask: { causal: true } }
mlp: { kind: plain, activation: relu, width: 32 }
weights: { ${weights} }
`;
    const table = { 'embed.weight': ['U8', 40, 32], 'embed.weight.scales': ['F16', 40, 2] } as const;
    const of = (weights: string) => checkText(model(weights), table, undefined, metadata).diagnostics;
    expect(of('dtype: int4').map(({ code, message, help }) => [code, message, help?.split(',')[0]])).toEqual([
      [
        'WGT015',
        'the checkpoint has the table of token embeddings as int4, the spec keeps it as it is',
        'write `weights: { embeddings: quantized }`',
      ],
    ]);
    expect(of('dtype: int4, embeddings: quantized').map(({ code }) => code)).not.toContain('WGT015');
  });

  it('says of codes without their scales that they are bare integers', () => {
    expect(reported({ 'attn.k.weight.scales': ['F16', 64, 3] })).toEqual([
      'tensor `attn.k.weight` is [64, 32], the spec makes it [64, 64]',
      'tensor `attn.k.weight` holds U8, weights are F32, F16 or BF16',
    ]);
  });
});

describe('gqac quantize', () => {
  const run = async (...args: readonly string[]) => {
    const { register } = await import('../../src/cli/commands/quantize.ts');
    return (await runCommand(register, 'quantize', ...args)).code;
  };
  const weights = 'examples/shakespeare-minimind-gqa/model.safetensors';

  it('writes less than a third of an f16 model, and nothing over what is there', async () => {
    const { readFile } = await import('node:fs/promises');
    const text = await readFile('examples/shakespeare-minimind-gqa/spec.yaml', 'utf8');
    const path = join(folder, 'spec.yaml');
    await writeFile(path, text.replace('weights:\n', 'weights:\n  dtype: int4\n'));
    const output = join(folder, 'small.safetensors');
    expect(await run(path, '--weights', weights, '-o', output)).toBe(0);
    expect((await stat(output)).size).toBeLessThan(0.3 * (await stat(weights)).size);
    await expect(run(path, '--weights', weights, '-o', output)).rejects.toThrow(/exists: give another name/);
    const { onnxOf } = await import('../../src/cli/commands/export-onnx.ts');
    await expect(onnxOf(path, output, join(folder, 'x.onnx'))).rejects.toThrow(/is packed: export from/);
    expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('says what a spec lacks', async () => {
    const spec = 'examples/shakespeare-minimind-gqa/spec.yaml';
    await expect(run(spec, '-o', join(folder, 'none'))).rejects.toThrow(/does not ask for integers: write/);
  });
});
