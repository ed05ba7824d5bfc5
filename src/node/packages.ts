import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How to have what `findPackage` did not find, in the versions that gqac is tested with. */
export const installCommands = {
  webgpu: 'npm install webgpu@0.6.2',
  chromium: 'npm install --save-dev @sparticuz/chromium@147.0.0',
} as const;

export type InstallCommands = typeof installCommands;

/** An installed package that gqac can do without. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** URL to `import()`. */
  readonly entry: string;
}

/** Looks beside gqac first, then in the project that the process runs in: a peer need not be hoisted to where gqac is. */
export function findPackage(name: string): InstalledPackage | undefined {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    const entry = resolveFrom(from, name);
    const folder = entry === undefined ? undefined : packageFolder(entry, name);
    if (entry === undefined || folder === undefined) continue;
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { name, version, folder, entry: pathToFileURL(entry).href };
  }
  return undefined;
}

function resolveFrom(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}

function packageFolder(entry: string, name: string): string | undefined {
  for (let folder = dirname(entry); dirname(folder) !== folder; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const content = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
    if (content.name === name) return folder;
  }
  return undefined;
}
