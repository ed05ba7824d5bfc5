/** A headless Chromium with WebGPU that needs nothing of the machine but glibc: both come from npm. */
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { brotliDecompress, createBrotliDecompress } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { cachedFolder, writeTarEntries } from '../../src/node/cache-folder.ts';
import { findPackage } from '../../src/node/packages.ts';
import { softwareObstacle } from '../../src/node/software-adapter.ts';
import { readTar } from '../../src/node/tar.ts';

/** Why no browser can be had here, or undefined when one can. `GQAC_CHROMIUM` names an installed one for other platforms. */
export function chromiumObstacle(): string | undefined {
  return process.env.GQAC_CHROMIUM ? undefined : softwareObstacle();
}

export async function launchChromium(): Promise<Browser> {
  const args = ['--no-sandbox', '--enable-unsafe-webgpu', '--disable-dev-shm-usage'];
  const own = process.env.GQAC_CHROMIUM;
  if (own) return chromium.launch({ executablePath: own, args });
  const folder = await unpackChromium();
  const environment = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const libraries = [join(folder, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    args: [...args, '--use-webgpu-adapter=swiftshader'],
    env: { ...Object.fromEntries(environment), LD_LIBRARY_PATH: libraries },
  });
}

async function unpackChromium(): Promise<string> {
  const installed = findPackage('@sparticuz/chromium');
  if (installed === undefined) throw new Error(chromiumObstacle());
  const packed = (name: string) => join(installed.folder, 'bin', name);
  return cachedFolder(`chromium-${installed.version}`, async (folder) => {
    // NSS and NSPR, which a bare machine lacks, are in al2023.tar.br.
    for (const archive of ['swiftshader.tar.br', 'al2023.tar.br']) {
      const entries = readTar(await promisify(brotliDecompress)(await readFile(packed(archive))));
      await writeTarEntries(entries, folder);
    }
    const executable = createWriteStream(join(folder, 'chromium'), { mode: 0o755 });
    await pipeline(createReadStream(packed('chromium.br')), createBrotliDecompress(), executable);
  });
}

/**
 * Calls a function that a served module exports, in the page; argument and result travel as JSON. The call is a string, as
 * vitest rewrites `import()` in functions.
 */
export async function callInPage(page: Page, module: string, name: string, argument: unknown): Promise<unknown> {
  const [url, member, value] = [module, name, argument ?? null].map((part) => JSON.stringify(part));
  return page.evaluate(`import(${url}).then((module) => module[${member}](${value}))`);
}

export interface ServedFile {
  readonly type: string;
  readonly body: string | Uint8Array;
}

export interface Site {
  /** With a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the files by path (`/` is an empty page unless given), on this machine only; WebGPU needs a secure context, which 127.0.0.1 is. */
export async function serve(files: Readonly<Record<string, ServedFile>>): Promise<Site> {
  const emptyPage: ServedFile = { type: 'text/html', body: '<!doctype html><title>gqac</title>' };
  const known = new Map(Object.entries({ '/': emptyPage, ...files }));
  const server = createServer((request, response) => {
    const file = known.get(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': file.type }).end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
