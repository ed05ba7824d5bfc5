import { bufferUsage } from '../runtime/abi1/buffers.ts';

/**
 * Seeded numbers that host and device compute alike, so that gigabytes of input need neither upload nor memory on the host:
 * a hash of the index (pcg by O'Neill, xorshift), its four bytes added up: nearly normal, mean 0, deviation 1.15, exact in f16.
 */
export function valueAt(index: number, seed: number): number {
  const x = hash(index, seed);
  return ((x & 255) + ((x >>> 8) & 255) + ((x >>> 16) & 255) + (x >>> 24) - 510) / 128;
}

function hash(index: number, seed: number): number {
  let x = (Math.imul(index, 747796405) + seed) >>> 0;
  x = Math.imul(((x >>> ((x >>> 28) + 4)) ^ x) >>> 0, 277803737) >>> 0;
  x = ((x >>> 22) ^ x) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
  return (x ^ (x >>> 12)) >>> 0;
}

const fillCode = (type: 'f16' | 'f32') => `
@group(0) @binding(0) var<storage, read_write> pairs: array<${type === 'f16' ? 'u32' : 'vec2f'}>;
@group(0) @binding(1) var<uniform> options: vec4u;

fn value_at(index: u32) -> f32 {
  var x = index * 747796405u + options.x;
  x = ((x >> ((x >> 28u) + 4u)) ^ x) * 277803737u;
  x = (x >> 22u) ^ x;
  x = (x ^ (x >> 15u)) * 0x2c1b3c6du;
  x = x ^ (x >> 12u);
  return (f32((x & 255u) + ((x >> 8u) & 255u) + ((x >> 16u) & 255u) + (x >> 24u)) - 510.0) / 128.0;
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = invocation.x; i < options.y; i += groups.x * 256u) {
    let pair = vec2f(value_at(2u * i), value_at(2u * i + 1u)) * bitcast<f32>(options.z);
    pairs[i] = ${type === 'f16' ? 'pack2x16float(pair)' : 'pair'};
  }
}`;

/** Compiled once for a device. */
const fillPipelines = new WeakMap<GPUDevice, Map<'f16' | 'f32', GPUComputePipeline>>();

function fillPipeline(device: GPUDevice, type: 'f16' | 'f32'): GPUComputePipeline {
  const known = fillPipelines.get(device) ?? new Map<'f16' | 'f32', GPUComputePipeline>();
  fillPipelines.set(device, known);
  const module = device.createShaderModule({ code: fillCode(type) });
  const pipeline =
    known.get(type) ?? device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  known.set(type, pipeline);
  return pipeline;
}

/** Fills a buffer of `count` numbers (even) with `valueAt(i, seed) · scale`, exact where scale is a power of two. */
export function fill(
  device: GPUDevice,
  buffer: GPUBuffer,
  count: number,
  type: 'f16' | 'f32',
  seed: number,
  scale = 1,
): void {
  const options = device.createBuffer({ size: 16, usage: bufferUsage.uniform | bufferUsage.copyDestination });
  const words = new Uint32Array([seed, count / 2, 0, 0]);
  new Float32Array(words.buffer)[2] = scale;
  device.queue.writeBuffer(options, 0, words);
  const pipeline = fillPipeline(device, type);
  const entries = [buffer, options].map((resource, binding) => ({ binding, resource: { buffer: resource } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(Math.min(4096, Math.ceil(count / 512)));
  pass.end();
  device.queue.submit([encoder.finish()]);
}

/** All bits set: NaN in every float format. */
export function poison(device: GPUDevice, buffer: GPUBuffer): void {
  const block = new Uint8Array(Math.min(buffer.size, 1 << 24)).fill(0xff);
  for (let at = 0; at < buffer.size; at += block.length) {
    device.queue.writeBuffer(buffer, at, block, 0, Math.min(block.length, buffer.size - at));
  }
}
