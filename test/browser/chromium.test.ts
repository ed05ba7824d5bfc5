import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callInPage, chromiumObstacle, launchChromium, type Site, serve } from './chromium.ts';

/** Runs in the page. */
async function doubleOnTheGpu(values: number[]): Promise<{ architecture: string; doubled: number[] }> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error('no adapter');
  const device = await adapter.requestDevice();
  const bytes = values.length * 4;
  const data = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(data, 0, new Float32Array(values));
  const code = `
    @group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&data)) { data[id.x] = 2 * data[id.x]; }
    }`;
  const compute = { module: device.createShaderModule({ code }) };
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute });
  const entries = [{ binding: 0, resource: { buffer: data } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(Math.ceil(values.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(data, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const doubled = Array.from(new Float32Array(staging.getMappedRange()));
  device.destroy();
  return { architecture: adapter.info.architecture, doubled };
}

describe.skipIf(chromiumObstacle() !== undefined)('headless Chromium', () => {
  let browser: Browser;
  let site: Site;
  beforeAll(async () => {
    site = await serve({ '/twice.mjs': { type: 'text/javascript', body: 'export const twice = async (n) => 2 * n;' } });
    browser = await launchChromium();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  it('runs a compute shader on a page of a local server', async () => {
    const page = await browser.newPage();
    await page.goto(site.url);
    const values = Array.from({ length: 1000 }, (_, i) => i / 8);
    const { architecture, doubled } = await page.evaluate(doubleOnTheGpu, values);
    expect(doubled).toEqual(values.map((value) => 2 * value));
    if (!process.env.GQAC_CHROMIUM) expect(architecture).toBe('swiftshader');
    await page.close();
  }, 60_000);

  it('imports modules from the server', async () => {
    const page = await browser.newPage();
    await page.goto(site.url);
    expect(await callInPage(page, '/twice.mjs', 'twice', 21)).toBe(42);
    expect((await page.goto(`${site.url}absent`))?.status()).toBe(404);
    await page.close();
  }, 60_000);
});
