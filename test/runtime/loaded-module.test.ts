import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import {
  type AttentionCall,
  AttentionSession,
  bytesSource,
  CheckpointError,
  type DeviceTensor,
  deviceTensor,
  FeatureError,
  LoadedModule,
  type LoadProgress,
  type ModuleDefinition,
  SafetensorsFile,
  UsageError,
} from '../../src/runtime/abi1/index.ts';
import { headInputs, shapedOf } from '../numeric/harness.ts';
import { exampleDefinition, openExampleWeights, readExample, useDevice } from './examples.ts';

const gpu = useDevice();
const name = 'shakespeare-minimind-gqa';

/** A device that says what it is asked to allocate. */
function watched(device: GPUDevice): { readonly device: GPUDevice; readonly created: string[] } {
  const created: string[] = [];
  const proxy = new Proxy(device, {
    get(target, key) {
      if (key === 'createBuffer') {
        return (descriptor: GPUBufferDescriptor) => {
          created.push(descriptor.label ?? '');
          return target.createBuffer(descriptor);
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { device: proxy, created };
}

describe('a checkpoint', () => {
  it('that is cut off is refused by name, before anything is allocated', async () => {
    const bytes = await readExample(name, 'model.safetensors');
    const definition = await exampleDefinition(name);
    for (const size of [0, 7, 100, 5_000, bytes.length - 1]) {
      const { device, created } = watched(gpu.device);
      const source = bytesSource('cut.safetensors', bytes.slice(0, size));
      const load = LoadedModule.load(definition, { device, weights: source });
      await expect(load, `${size} bytes`).rejects.toBeInstanceOf(CheckpointError);
      await expect(load).rejects.toThrow(/^cut\.safetensors: /);
      expect(created).toEqual([]);
    }
  });

  it('that is not given is asked for', async () => {
    const load = LoadedModule.load(await exampleDefinition(name), { device: gpu.device });
    await expect(load).rejects.toThrow(UsageError);
    await expect(load).rejects.toThrow(
      'shakespeare_minimind_gqa has 46 weights: pass as `weights` what openCheckpoint',
    );
  });

  it.each([
    ['a path', 'model.safetensors'],
    ['bytes without a name', new Uint8Array(8)],
    ['nothing', null],
  ])('that is %s is refused with what gives one', async (_, weights) => {
    const load = LoadedModule.load(await exampleDefinition(name), { device: gpu.device, weights: weights as never });
    await expect(load).rejects.toThrow(UsageError);
    await expect(load).rejects.toThrow('fetchSource(url) or bytesSource(name, bytes) of gqac/runtime');
  });

  it('without a weight, or with one of another shape, is refused with the name', async () => {
    const { device, created } = watched(gpu.device);
    const other = await openExampleWeights('shakespeare-xt-mem-mqa');
    const load = LoadedModule.load(await exampleDefinition(name), { device, weights: other });
    await expect(load).rejects.toThrow('tensor "model.embed_tokens.weight": not in the file');
    const definition = await exampleDefinition(name);
    const wide: ModuleDefinition = {
      ...definition,
      weights: definition.weights.map((weight, i) => (i === 3 ? { ...weight, shape: [65, 192] } : weight)),
    };
    const mistaken = LoadedModule.load(wide, { device, weights: await openExampleWeights(name) });
    await expect(mistaken).rejects.toThrow(
      /tensor "model\.layers\.0\.self_attn\.k_proj\.weight": its shape is \[64,192\]/,
    );
    expect(created).toEqual([]);
  });

  it('reports its progress, tensor by tensor', async () => {
    const seen: LoadProgress[] = [];
    const definition = await exampleDefinition(name);
    const weights = await openExampleWeights(name);
    const onProgress = (progress: LoadProgress) => seen.push(progress);
    const module = await LoadedModule.load(definition, { device: gpu.device, weights, onProgress });
    expect(seen.map(({ tensor }) => tensor)).toEqual(definition.weights.map((weight) => weight.name));
    expect(seen.at(-1)?.loadedBytes).toBe(seen.at(-1)?.totalBytes);
    expect(module.ledger.totalBytes).toBe(seen.at(-1)?.totalBytes);
    module.dispose();
    expect(module.ledger.totalBytes).toBe(0);
  });

  it('stays open when it was open before', async () => {
    const weights = await openExampleWeights(name);
    const module = await LoadedModule.load(await exampleDefinition(name), { device: gpu.device, weights });
    expect(weights).toBeInstanceOf(SafetensorsFile);
    expect((await weights.readFloat32('model.norm.weight')).length).toBe(192);
    module.dispose();
  });
});

describe('a variant', () => {
  it('is the most demanding one that the device supports', async () => {
    const definition = await exampleDefinition(name);
    expect(definition.variants.map(({ id }) => id)).toEqual(['matrix', 'subgroups', 'f16', 'baseline']);
    const { features } = gpu.device;
    const supported = definition.variants.find((variant) =>
      variant.features.every((feature) => features.has(feature as GPUFeatureName)),
    );
    const module = await LoadedModule.load(definition, { device: gpu.device, weights: await openExampleWeights(name) });
    expect(module.variant.id).toBe(supported?.id);
    module.dispose();
  });

  it('that there is not is refused with those that there are', async () => {
    const weights = await openExampleWeights(name);
    const load = LoadedModule.load(await exampleDefinition(name), { device: gpu.device, weights, variant: 'best' });
    await expect(load).rejects.toThrow('has no variant best: it has matrix, subgroups, f16, baseline');
  });

  it('needs the adapter itself, or the device', async () => {
    const definition = await exampleDefinition(name);
    const weights = bytesSource('none', new Uint8Array(0));
    const load = (options: object) => LoadedModule.load(definition, { weights, ...options });
    await expect(load({ adapter: { adapter: {} } })).rejects.toThrow('`adapter` is none of WebGPU’s');
    await expect(load({ device: Promise.resolve(gpu.device) })).rejects.toThrow('pass the `device` of what openGpu');
  });

  it('needs an adapter that has not given its device away', async () => {
    const adapter = {
      ...gpu.device,
      info: gpu.device.adapterInfo,
      features: gpu.device.features,
      limits: gpu.device.limits,
    };
    const requestDevice = () => Promise.reject(new Error('adapter is "consumed"\n    at Adapter.cpp'));
    const load = LoadedModule.load(await exampleDefinition(name), {
      adapter: { ...adapter, requestDevice } as unknown as GPUAdapter,
      weights: await openExampleWeights(name),
    });
    await expect(load).rejects.toThrow(/^the adapter gives no device: adapter is "consumed"; each adapter gives one/);
  });

  it('that the device cannot run is refused, and nothing stays allocated', async () => {
    const { device } = watched(gpu.device);
    const definition = await exampleDefinition(name);
    const demanding: ModuleDefinition = {
      ...definition,
      variants: definition.variants.map((variant) => ({ ...variant, features: ['chromium-experimental-nothing'] })),
    };
    const load = LoadedModule.load(demanding, { device, weights: await openExampleWeights(name) });
    await expect(load).rejects.toBeInstanceOf(FeatureError);
  });

  it('whose kernel does not compile is refused with the kernel and the place', async () => {
    const definition = await exampleDefinition(name);
    const broken: ModuleDefinition = {
      ...definition,
      variants: definition.variants.map((variant) => ({
        ...variant,
        kernels: {
          ...variant.kernels,
          norm_rms_192: { code: '@compute @workgroup_size(1) fn main() { x = 1; }', bindings: [] },
        },
      })),
    };
    const load = LoadedModule.load(broken, { device: gpu.device, weights: await openExampleWeights(name) });
    await expect(load).rejects.toThrow(/kernel norm_rms_192 does not compile on this device: 1:\d+ .*x/);
  });

  it('built for another ABI is refused', async () => {
    const definition = { ...(await exampleDefinition(name)), abi: 2 } as unknown as ModuleDefinition;
    await expect(LoadedModule.load(definition, { device: gpu.device })).rejects.toThrow('build it again');
  });
});

describe('attention alone', () => {
  it('gives the output of the call, not of the largest one', async () => {
    const shaped = shapedOf(
      'attention: { q_heads: 1, kv_heads: 1, head_dim: 4, value_dim: 2, mask: { causal: true } }',
    );
    const module = await LoadedModule.load(compileModule(shaped).definition, { device: gpu.device });
    const session = await AttentionSession.create(module, { tokens: 5, keys: 9 });
    const inputs = Object.fromEntries(
      [...headInputs(shaped, { batch: 1, tokens: 5, keys: 9 })].map(([key, { data }]) => [
        key,
        Float32Array.from(data),
      ]),
    );
    expect((await session.run(inputs)).length).toBe(10);
    expect((await session.run({}, { tokens: 1, keys: 3 })).length).toBe(2);
    await expect(session.run({}, { tokens: 6, keys: 9 })).rejects.toThrow(
      'tokens is 6: this session takes from 0 to 5',
    );
    await expect(session.run({}, { tokens: 5, keys: 10 })).rejects.toThrow(UsageError);
    session.dispose();
    expect(module.ledger.entries()).toEqual([]);
  });

  it('names an input that was never given', async () => {
    const shaped = shapedOf('attention: { q_heads: 1, kv_heads: 1, head_dim: 4 }');
    const module = await LoadedModule.load(compileModule(shaped).definition, { device: gpu.device });
    const { queue } = gpu.device;
    const values = new Float32Array(4);
    const of = (tensors: Readonly<Record<string, DeviceTensor>> = {}) =>
      AttentionSession.create(module, { tokens: 1 }, tensors);
    const session = await of();
    await expect(session.run({ q: values })).rejects.toThrow(/needs k, v: pass each to `run`/);
    await expect(session.run({ q: values, k: values })).rejects.toThrow(/needs v: /);
    await expect(session.run({ Q: values })).rejects.toThrow('run has no input "Q": did you mean q?');
    await expect(session.run({ v: values }, { token: 1 } as AttentionCall)).rejects.toThrow('did you mean tokens?');
    expect(await session.run({ v: values })).toEqual(values);
    const given = deviceTensor(gpu.device, 'f32', [1, 1, 1, 4]);
    expect(await (await of({ q: given, k: given, v: given })).run({})).toEqual(values);
    const written = await of();
    for (const name of ['q', 'k', 'v']) queue.writeBuffer(written.buffer(name), 0, values);
    expect(await written.run({})).toEqual(values);
    await expect(AttentionSession.create(module, { token: 1 } as never)).rejects.toThrow('did you mean tokens?');
    const typed = await AttentionSession.create<Record<'q' | 'k' | 'v', DeviceTensor>>(module, { tokens: 1 });
    // @ts-expect-error the generated module says which inputs there are
    await expect(typed.run({ queries: values })).rejects.toThrow('run has no input "queries"');
    module.dispose();
  });
});
