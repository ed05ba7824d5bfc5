import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { emitModule } from '../../src/compiler/emit-ts/module.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { Session } from '../../src/runtime/abi1/index.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { wholeTensor } from '../../src/verify/whole-tensor.ts';
import { checkText, codesOf, only } from '../frontend/helpers.ts';
import { loadSpec, shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

const model = (block: string, attention: string) =>
  `model: { vocab: 12, hidden: 24, layers: 2, context: 32${block} }
mlp: { activation: silu, width: 16 }
attention: { q_heads: 4, kv_heads: 2, rope: {}, mask: { causal: true }${attention} }`;
const split = ', inputs: split_qkv';

const blocks = {
  'norms before the parts': '',
  'norms around the parts': ', block: { norms: sandwich }',
  'norms of the sums': ', norm: { kind: layer }, block: { norms: post }',
  'norms behind the parts': ', block: { norms: output }',
  'parts side by side': ', block: { parallel: two_norms }',
};

const ids = [[3, 1, 4, 1, 5, 9]];
const names = [0, 1].flatMap((layer) => ['q', 'k', 'v'].map((name) => `layers.${layer}.edits.${name}`));
const shapeOf = (name: string) => [1, 6, name.endsWith('q') ? 4 : 2, 24];
const sizeOf = (name: string) => shapeOf(name).reduce((product, extent) => product * extent, 1);
const edits = (of: (name: string) => number) =>
  new Map(names.map((name) => [name, { shape: shapeOf(name), data: new Array<number>(sizeOf(name)).fill(of(name)) }]));

async function oracleOf(yaml: string) {
  const shaped = shapedOf(yaml);
  const { module } = compileModule(shaped, [profiles.baseline]);
  const checkpoint = await randomCheckpoint(shaped, 3);
  const weights = await gatherWeights(module, (name) => wholeTensor(checkpoint, name));
  return createOracle(module, weights, { batch: 1, capacity: 32 });
}

describe.each(Object.entries(blocks))('a model with split inputs, %s', (_, block) => {
  it('is the same model until a call edits them', async () => {
    const shared = (await oracleOf(model(block, ''))).forward({ ids });
    const own = await oracleOf(model(block, split));
    expect(own.forward({ ids, inputs: edits(() => 0) })).toEqual(shared);
    own.reset();
    expect(own.forward({ ids, inputs: edits((name) => Number(name === 'layers.1.edits.v')) })).not.toEqual(shared);
  });

  it('runs on the device as the f64 reading says', { timeout: 60_000 }, async () => {
    const shaped = shapedOf(model(block, split));
    const checkpoint = await randomCheckpoint(shaped, 5);
    const options = { device: gpu.device, checkpoint, tokens: 17, seed: 3 };
    const { entries } = await verifyModule(shaped, compileModule(shaped), options);
    expect(entries.filter(({ passed }) => !passed)).toEqual([]);
    expect(entries.filter(({ stage }) => stage === 'whole').length).toBeGreaterThan(0);
  });
});

it('an edit of a head reaches that head alone, and hooks show it', async () => {
  const oracle = await oracleOf(model('', `${split}, hooks: [hook_q_input, q, k]`));
  const plain = oracle.forward({ ids, inputs: edits(() => 0) });
  oracle.reset();
  const inputs = edits(() => 0);
  const edited = inputs.get('layers.0.edits.q')?.data ?? [];
  for (const at of edited.keys()) if (Math.floor(at / 24) % 4 === 2) edited[at] = (at % 7) - 3;
  const found = oracle.forward({ ids, inputs });
  const difference = (name: string) => {
    const [a, b] = [plain.get(name)?.data, found.get(name)?.data];
    return Array.from(b ?? [], (value, at) => value - (a?.[at] ?? Number.NaN));
  };
  expect(difference('layers.0.hooks.q_input')).toEqual([...edited].map((value) => expect.closeTo(value, 12)));
  const heads = new Set(
    difference('layers.0.hooks.q').flatMap((value, at) => (value === 0 ? [] : [Math.floor(at / 6) % 4])),
  );
  expect([...heads]).toEqual([2]);
  expect(difference('layers.0.hooks.k').every((value) => value === 0)).toBe(true);
  expect(difference('layers.1.hooks.k').some((value) => value !== 0)).toBe(true);
});

it('a session edits one call', async () => {
  const { loaded } = await loadSpec(gpu.device, model('', split));
  const session = await Session.create(loaded, { chunk: 8 });
  const name = 'layers.1.edits.v';
  const logits = async () => {
    session.reset();
    return (await session.prefill(ids)).data;
  };
  const plain = await logits();
  session.setEdit(name, new Float32Array(sizeOf(name)).fill(2));
  const edited = await logits();
  expect(edited).not.toEqual(plain);
  expect(await logits()).toEqual(plain);
  expect(() => session.setEdit('layers.1.edits.o', new Float32Array(3))).toThrow('it has layers.0.edits.q');
  session.setEdit(name, new Float32Array(3));
  await expect(logits()).rejects.toThrow(`3 values are given for ${name}, which is [B, I, 2, 24]: 288 in this call`);
  session.setEdit(name, new Float32Array(12 * 48));
  session.reset();
  await expect(session.prefill([Array.from({ length: 12 }, () => 1)])).rejects.toThrow('longer `chunk`');
  loaded.dispose();
  const other = await loadSpec(gpu.device, model('', ''));
  const shared = await Session.create(other.loaded);
  expect(() => shared.setEdit(name, new Float32Array(3))).toThrow('no `inputs: split_qkv`');
  other.loaded.dispose();
});

it('edits are typed in the generated module', () => {
  const { definition } = compileModule(shapedOf(model('', split)), [profiles.baseline]);
  const text = emitModule(definition, { gqacVersion: '0', specPath: 's', specSha256: '0'.repeat(64), doc: '' });
  expect(text).toContain("readonly 'layers.1.edits.k': readonly [B: number, I: number, 2, 24];");
  expect(text).toContain('export type Session = AnySession<12, object, object, Edits>;');
});

describe('refuses', () => {
  const check = (yaml: string) => checkText(`gqac: 1\nname: one\n${yaml}\n`);
  it('what is made from one input', () => {
    expect(codesOf(check(model(', block: { parallel: one_norm }', split)))).toEqual(['SCH004']);
    expect(codesOf(check(model('', `${split}, value_residual: learned`)))).toEqual(['SCH004']);
    expect(codesOf(check(model('', `${split}, value_residual: 0.5`)))).toEqual([]);
  });

  it('hooks on inputs that there are not', () => {
    expect(only(check(model('', ', hooks: [q_input]'))).message).toContain('all heads read one input');
    const alone = 'attention: { hidden: 24, q_heads: 4, inputs: split_qkv, hooks: [hook_k_input] }';
    expect(only(check(alone)).message).toContain('the inputs of heads are given');
  });
});
