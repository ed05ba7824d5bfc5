import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { NoGpuError } from '../runtime/abi1/errors.ts';
import { cachedFolder, writeTarEntries } from './cache-folder.ts';
import { findPackage } from './packages.ts';
import { readTar } from './tar.ts';

const chromiumPackage = '@sparticuz/chromium';
const needed = new Set(['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json']);

export interface SoftwareAdapter {
  /** The Vulkan loader. */
  readonly loader: string;
  /** The manifest of SwiftShader, for the loader. */
  readonly manifest: string;
  readonly folder: string;
}

/** Why the software adapter cannot be had here, or undefined when it can. */
export function softwareObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const own = process.platform === 'linux' ? 'install a Vulkan driver' : "Dawn's own backend serves here";
    return `the software adapter is for Linux on x64, this is ${process.platform} on ${process.arch}: ${own}`;
  }
  if (findPackage(chromiumPackage) === undefined) {
    return `the software adapter is in the npm package ${chromiumPackage}, which is not installed: npm install --save-dev ${chromiumPackage}@147.0.0`;
  }
  return undefined;
}

/**
 * SwiftShader and a Vulkan loader, unpacked once into the cache folder.
 * @throws NoGpuError when they cannot be had here.
 */
export async function unpackSoftwareAdapter(): Promise<SoftwareAdapter> {
  const installed = findPackage(chromiumPackage);
  const obstacle = softwareObstacle();
  if (obstacle !== undefined || installed === undefined) throw new NoGpuError(obstacle);
  const folder = await cachedFolder(`swiftshader-${installed.version}`, async (into) => {
    const packed = await readFile(join(installed.folder, 'bin', 'swiftshader.tar.br'));
    const entries = readTar(await promisify(brotliDecompress)(packed));
    await writeTarEntries(
      entries.filter(({ path }) => needed.has(path)),
      into,
    );
  });
  return { folder, loader: join(folder, 'libvulkan.so.1'), manifest: join(folder, 'vk_swiftshader_icd.json') };
}

/** Variables with which any process, of whatever program, finds the software adapter through Vulkan. */
export async function softwareEnvironment(): Promise<Readonly<Record<string, string>>> {
  const { folder, manifest } = await unpackSoftwareAdapter();
  const inherited = process.env.LD_LIBRARY_PATH;
  return {
    LD_LIBRARY_PATH: inherited ? `${folder}:${inherited}` : folder,
    VK_ICD_FILENAMES: manifest,
    VK_DRIVER_FILES: manifest,
  };
}
