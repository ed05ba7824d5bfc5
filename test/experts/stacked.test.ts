import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { roundTensor } from '../../src/compiler/oracle/rounding.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import type { WeightDecl } from '../../src/runtime/abi1/definition.ts';
import { toFloat32 } from '../../src/runtime/abi1/floats.ts';
import type { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import { weightPieces } from '../../src/runtime/abi1/weight-pieces.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { checkText } from '../frontend/helpers.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';
import { mixtureOf } from './mixtures.ts';

const gpu = useDevice();

const named = (dtype: string, ...names: readonly string[]) =>
  `${mixtureOf('activation: silu', 'width: 10', 'experts: { count: 3, active: 2, biases: [up, gate] }')}weights:
  dtype: ${dtype}
  names:
${names.map((name) => `    ${name}\n`).join('')}`;

/** A tensor for each expert and matrix; both inner matrices in one; stored `[in, out]` with gate and up in turn. */
const layouts = {
  'a tensor each': ['up', 'gate', 'down'].map(
    (name) => `"layers.{i}.mlp.experts.${name}.weight": "h.{i}.experts.{e}.${name}"`,
  ),
  'gate and up in one': [
    '"layers.{i}.mlp.experts.gate.weight": "h.{i}.experts.{e}.gate_up[0:10]"',
    '"layers.{i}.mlp.experts.up.weight": "h.{i}.experts.{e}.gate_up[10:20]"',
    '"layers.{i}.mlp.experts.gate.bias": "h.{i}.experts.{e}.bias[0:10]"',
    '"layers.{i}.mlp.experts.up.bias": "h.{i}.experts.{e}.bias[10:20]"',
  ],
  'in turn and transposed, a tensor each': ['gate', 'up'].flatMap((name, from) => [
    `"layers.{i}.mlp.experts.${name}.weight": { tensor: "h.{i}.{e}.w", transposed: true, blocks: { count: 10, from: ${from}, size: 1, stride: 2 } }`,
    `"layers.{i}.mlp.experts.${name}.bias": { tensor: "h.{i}.{e}.b", blocks: { count: 10, from: ${from}, size: 1, stride: 2 } }`,
  ]),
  'all in one, in turn': ['gate', 'up'].map(
    (name, from) =>
      `"layers.{i}.mlp.experts.${name}.weight": { tensor: "h.{i}.w", blocks: { count: 30, from: ${from}, size: 1, stride: 2 } }`,
  ),
} as const;

/** What the loader gives for a weight, without the gaps at the ends of rows. */
async function loaded(checkpoint: SafetensorsFile, weight: WeightDecl): Promise<readonly number[]> {
  const width = weight.shape.at(-1) ?? 1;
  const values: number[] = [];
  const [dtype, each] = weight.dtype === 'f32' ? (['F32', 4] as const) : (['F16', 2] as const);
  for await (const { bytes } of weightPieces(checkpoint, weight)) {
    expect(bytes.byteLength % 4).toBe(0);
    values.push(...toFloat32(dtype, bytes, bytes.byteLength / each));
  }
  return values.filter((_, at) => at % weight.pitch < width);
}

describe('experts that the checkpoint has as', () => {
  it.each(
    Object.entries(layouts).flatMap(([name, names]) => ['f32', 'f16'].map((dtype) => [name, dtype, names] as const)),
  )('%s, stored as %s, are loaded as the reference reads them', async (_, dtype, names) => {
    const yaml = named(dtype, ...names);
    const shaped = shapedOf(yaml);
    const checkpoint = await randomCheckpoint(shaped, 3);
    const header = { path: checkpoint.name, tensors: checkpoint.tensors };
    const text = `gqac: 1\nname: numeric\n${yaml}`;
    expect(checkSpec({ path: 'spec.yaml', text }, { checkpoint: header }).diagnostics).toEqual([]);
    const { module, definition } = compileModule(shaped);
    const reference = await gatherWeights(module, async (name) => ({
      data: await checkpoint.readFloat32(name),
      shape: checkpoint.info(name).shape,
    }));
    const ofExperts = definition.weights.filter(({ name }) => name.includes('.experts.'));
    expect(ofExperts).toHaveLength(10);
    for (const weight of ofExperts) {
      const expected = [...(reference.get(weight.name) ?? [])];
      const rounded = weight.dtype === 'f16' ? roundTensor(Float64Array.from(expected), 'f16') : expected;
      expect(await loaded(checkpoint, weight), weight.name).toEqual([...rounded]);
    }
  });

  it('several tensors run as the reference does', async () => {
    const shaped = shapedOf(named('f16', ...layouts['gate and up in one']));
    const checkpoint = await randomCheckpoint(shaped, 3);
    const options = { device: gpu.device, checkpoint, tokens: 7, seed: 3 };
    const { entries } = await verifyModule(shaped, compileModule(shaped), options);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
  });
});

describe('what is wrong with experts', () => {
  const check = (text: string, tensors?: Parameters<typeof checkText>[1]) =>
    checkText(`gqac: 1\nname: stacked\n${text}`, tensors).diagnostics;
  const up = (name: string) => named('f32', `"layers.{i}.mlp.experts.up.weight": ${name}`);

  it('a name of a weight that has one axis, and rows that are not those of one', () => {
    const [norm] = check(named('f32', '"final_norm.weight": "h.{e}.norm"'));
    expect([norm?.code, norm?.message]).toEqual(['WGT007', expect.stringContaining('has one axis')]);
    const [rows] = check(up('"h.{i}.{e}.up[0:30]"'));
    expect([rows?.code, rows?.message]).toEqual(['WGT007', expect.stringContaining('has 10')]);
    expect(check(up('"h.{i}.{e}.up[5:15]"'))).toEqual([]);
    expect(check(up('"h.{i}.{f}.up"')).map(({ code }) => code)).toEqual(['WGT007']);
  });

  it('a tensor of one expert that is missing or has another shape', async () => {
    const yaml = up('"h.{i}.{e}.up"');
    const { tensors } = await randomCheckpoint(shapedOf(yaml), 1);
    const shapes = Object.fromEntries(
      [...tensors].map(([name, { dtype, shape }]) => [name, [dtype, ...shape] as const]),
    );
    expect(check(yaml, shapes)).toEqual([]);
    const { 'h.1.2.up': lost, ...others } = shapes;
    expect(lost).toEqual(['F32', 10, 36]);
    const [missing] = check(yaml, others);
    expect([missing?.code, missing?.message]).toEqual(['WGT001', 'the checkpoint has no tensor `h.1.2.up`']);
    const [wrong] = check(yaml, { ...shapes, 'h.0.1.up': ['F32', 12, 36] });
    expect([wrong?.code, wrong?.message]).toEqual([
      'WGT002',
      expect.stringContaining('`h.0.1.up` is [12, 36], the spec makes it [10, 36]'),
    ]);
  });
});
