import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { adapterMode, createNullDevice, openGpu } from '../../src/node/adapter.ts';
import { describeAdapter } from '../../src/node/adapter-description.ts';
import { findPackage } from '../../src/node/packages.ts';
import { softwareEnvironment, softwareObstacle } from '../../src/node/software-adapter.ts';
import { readTar } from '../../src/node/tar.ts';
import { UsageError } from '../../src/runtime/abi1/errors.ts';

const root = new URL('../../', import.meta.url);
const run = promisify(execFile);

describe('openGpu', () => {
  it('finds an adapter on any machine, and leaves the environment as it was', async () => {
    const before = { ...process.env };
    const { adapter, description, reasons } = await openGpu();
    expect(describeAdapter(description)).toMatch(
      /^adapter: .+ \((gpu|software|lavapipe), (Vulkan|Metal|Direct3D 12)\)$/,
    );
    expect(description.limits.maxComputeWorkgroupStorageSize).toBeGreaterThanOrEqual(16384);
    expect(description.features).toContain('core-features-and-limits');
    expect(reasons.length).toBeGreaterThan(0);
    expect(process.env).toEqual(before);
    (await adapter.requestDevice()).destroy();
  });

  it.skipIf(softwareObstacle() !== undefined)('opens the software adapter several times at once', async () => {
    const opened = await Promise.all([openGpu('software'), openGpu('software'), openGpu('software')]);
    for (const { description } of opened) expect(description).toMatchObject({ kind: 'software', name: 'SwiftShader' });
    expect(describeAdapter((await openGpu('software')).description)).toBe('adapter: SwiftShader (software, Vulkan)');
  });

  it('refuses a mode that there is not, and options that it does not know', async () => {
    await expect(openGpu('gpus' as 'gpu')).rejects.toThrow('the adapter is "gpus": use one of auto, gpu, software');
    await expect(openGpu('auto', { exact: true } as object)).rejects.toThrow('openGpu has no option "exact"');
  });

  it('refuses an unknown GQAC_ADAPTER', () => {
    expect(adapterMode('')).toBe('auto');
    expect(adapterMode('software')).toBe('software');
    expect(() => adapterMode('cuda')).toThrow(UsageError);
  });
});

describe('devices', () => {
  it('outlive the collection of everything else that was opened for them', async () => {
    const script = `
      import { createNullDevice } from ${JSON.stringify(new URL('src/node/adapter.ts', root).href)};
      const device = await createNullDevice();
      for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
      device.createBuffer({ size: 16, usage: 128 }).destroy();
      console.log('alive');
    `;
    const flags = ['--expose-gc', '--import', findPackage('tsx')?.entry ?? 'tsx', '--input-type=module', '-e', script];
    expect((await run(process.execPath, flags, { timeout: 60_000 })).stdout).toBe('alive\n');
  }, 60_000);
});

describe.skipIf(softwareObstacle() !== undefined)('the software adapter', () => {
  const script = `
    import { openGpu } from ${JSON.stringify(new URL('src/node/adapter.ts', root).href)};
    const { adapter, description } = await openGpu('software');
    const device = await adapter.requestDevice();
    console.log(description.name, device.limits.maxBufferSize > 0);
  `;
  const tsx = findPackage('tsx');
  const start = (cache: string) =>
    run(process.execPath, ['--import', tsx?.entry ?? 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, GQAC_CACHE: cache },
      timeout: 60_000,
    });

  it('is unpacked once by processes that start together, says nothing on stderr, and lets the process end', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'gqac-cache-'));
    try {
      for (const { stdout, stderr } of await Promise.all([start(cache), start(cache)])) {
        expect(stdout).toBe('SwiftShader true\n');
        expect(stderr).toBe('');
      }
      const folder = `swiftshader-${findPackage('@sparticuz/chromium')?.version}`;
      expect(await readdir(cache)).toEqual([folder]);
      expect((await readdir(join(cache, folder))).sort()).toEqual([
        'libvk_swiftshader.so',
        'libvulkan.so.1',
        'vk_swiftshader_icd.json',
      ]);
    } finally {
      await rm(cache, { recursive: true });
    }
  }, 60_000);

  it('gives variables for other programs', async () => {
    const environment = await softwareEnvironment();
    const manifest = JSON.parse(await readFile(environment.VK_ICD_FILENAMES ?? '', 'utf8'));
    expect(manifest.ICD.library_path).toBe('./libvk_swiftshader.so');
    expect(environment.LD_LIBRARY_PATH).toContain('swiftshader-');
  });
});

describe('createNullDevice', () => {
  it('validates WGSL without a GPU', async () => {
    const device = await createNullDevice({ maxComputeWorkgroupStorageSize: 16384 }, ['shader-f16']);
    const messages = async (code: string) => {
      device.pushErrorScope('validation');
      const info = await device.createShaderModule({ code }).getCompilationInfo();
      await device.popErrorScope();
      return info.messages.filter(({ type }) => type === 'error').length;
    };
    expect(await messages('enable f16; @compute @workgroup_size(64) fn main() { let x = 1h; }')).toBe(0);
    expect(await messages('@compute @workgroup_size(64) fn main() { let x: u32 = 1f; }')).toBeGreaterThan(0);
    device.destroy();
  });
});

describe('readTar', () => {
  function archive(name: string, type = '0', content = 'hello', damage = false): Uint8Array {
    const bytes = new Uint8Array(512 + 512 + 1024);
    const put = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at);
    put(0, name);
    put(100, '0000755\0');
    put(124, `${content.length.toString(8).padStart(11, '0')}\0`);
    put(148, '        ');
    put(156, type);
    put(257, 'ustar\0');
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, damage ? 1 : 0);
    put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
    put(512, content);
    return bytes;
  }

  it('reads files', () => {
    const [entry] = readTar(archive('./lib/a.so'));
    expect(entry).toMatchObject({ path: 'lib/a.so', kind: 'file', executable: true });
    expect(new TextDecoder().decode(entry?.data)).toBe('hello');
  });

  it('refuses what would leave the folder, links, damage and truncation', () => {
    for (const name of ['/etc/passwd', '../a', 'a/../../b', 'c:\\a', '.'])
      expect(() => readTar(archive(name))).toThrow('unsafe path');
    expect(() => readTar(archive('a', '2'))).toThrow('neither a file nor a folder');
    expect(() => readTar(archive('a', '0', 'x', true))).toThrow('damaged header');
    expect(() => readTar(archive('a').subarray(0, 514))).toThrow('truncated in a');
    expect(() => readTar(archive('a').subarray(0, 300))).toThrow('truncated at byte 0');
  });
});
