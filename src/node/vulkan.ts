import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { constants, homedir } from 'node:os';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { NoGpuError } from '../runtime/abi1/errors.ts';
import { cachedFolder } from './cache-folder.ts';

/** Whether Dawn's `dlopen("libvulkan.so.1")` will find one; when it does not, Dawn writes a warning to stderr, so it is asked first. */
export function hasSystemLoader(): boolean {
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  const standard = [
    '/lib',
    '/lib64',
    '/usr/lib',
    '/usr/lib64',
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
  ];
  if ([...folders, ...standard].some((folder) => existsSync(join(folder, 'libvulkan.so.1')))) return true;
  try {
    return readFileSync('/etc/ld.so.cache').includes('libvulkan.so.1\0');
  } catch {
    return false;
  }
}

/** Manifests of installed drivers, where the Vulkan loader looks for them (LoaderDriverInterface.md). */
export function driverManifests(): readonly string[] {
  const chosen = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  if (chosen) return chosen.split(':').filter((path) => existsSync(path));
  const home = homedir();
  const roots = [
    process.env.XDG_CONFIG_HOME || join(home, '.config'),
    '/etc/xdg',
    '/usr/local/etc',
    '/etc',
    process.env.XDG_DATA_HOME || join(home, '.local/share'),
    '/usr/local/share',
    '/usr/share',
  ];
  return roots.flatMap((root) => manifestsIn(join(root, 'vulkan/icd.d')));
}

function manifestsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => join(folder, name));
}

/**
 * A manifest for NVIDIA's driver on a server. The one it installs names libGLX_nvidia.so.0, which has no Vulkan entry where
 * there is no X server (seen in containers on H100); libEGL_nvidia.so.0 is the same driver without that need.
 */
export async function headlessNvidia(manifests: readonly string[]): Promise<string | undefined> {
  const isChosen = Boolean(process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES);
  const hasDisplay = Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
  const installed = manifests.find((path) => basename(path).startsWith('nvidia'));
  if (isChosen || hasDisplay || installed === undefined) return undefined;
  const written = JSON.parse(readFileSync(installed, 'utf8')) as { ICD?: { api_version?: string } };
  const version = written.ICD?.api_version ?? '1.3.0';
  const content = { file_format_version: '1.0.1', ICD: { library_path: 'libEGL_nvidia.so.0', api_version: version } };
  const folder = await cachedFolder(`nvidia-headless-${version.replace(/[^0-9.]/g, '')}`, (into) =>
    writeFile(join(into, 'nvidia_egl_icd.json'), JSON.stringify(content)),
  );
  return join(folder, 'nvidia_egl_icd.json');
}

const loaded = new Set<string>();

/** glibc's RTLD_NODELETE, which node:os does not name. */
const noDelete = 0x1000;

/**
 * Makes a Vulkan loader that is not on the library path known to this process: once a library of this name is loaded, Dawn's
 * `dlopen` by name finds it. `LD_LIBRARY_PATH` would have to be set before the process starts.
 */
export function preloadLoader(path: string): void {
  if (loaded.has(path)) return;
  const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | noDelete;
  try {
    process.dlopen({ exports: {} }, path, flags);
  } catch (error) {
    // Node complains that it is no addon and closes it, which without deletion leaves it loaded.
    if (!(error instanceof Error && error.message.includes('did not self-register'))) {
      throw new NoGpuError(
        `the Vulkan loader ${path} cannot be loaded: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  loaded.add(path);
}

/**
 * Runs `use` with only this driver visible to the Vulkan loader, which reads the environment when an instance is made. What
 * `use` does with it must be synchronous: the variables are put back before anything else runs, so children do not inherit them.
 */
export function withDriver<T>(manifest: string | undefined, use: () => T): T {
  if (manifest === undefined) return use();
  if (!isMainThread) {
    // A worker's process.env is a copy that native code does not see.
    throw new NoGpuError(
      'the software adapter cannot be chosen in a worker thread: open it in the main thread or a child process',
    );
  }
  const names = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES'] as const;
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = manifest;
  try {
    return use();
  } finally {
    for (const [index, name] of names.entries()) {
      const value = before[index];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
