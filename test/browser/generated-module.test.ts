import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { callInPage, chromiumObstacle, launchChromium, serve } from './chromium.ts';

const example = new URL('../../examples/shakespeare-minimind-gqa/', import.meta.url);

async function bundle(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [new URL(entry, import.meta.url).pathname],
    bundle: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    write: false,
    alias: { 'gqac/runtime/abi1': new URL('../../src/runtime/abi1/index.ts', import.meta.url).pathname },
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

describe('the generated MiniMind module in a browser', () => {
  it('is under 40 KB with its runtime, compressed', async () => {
    const bytes = await bundle('../../examples/shakespeare-minimind-gqa/generated/shakespeare_minimind_gqa.ts');
    expect(gzipSync(bytes).byteLength).toBeLessThan(40_000);
  });

  it.skipIf(chromiumObstacle() !== undefined)(
    'gives the greedy text that the reference gives',
    async () => {
      const { prompt, greedy } = JSON.parse(await readFile(new URL('expected.json', example), 'utf8'));
      const file = async (name: string, type: string) => ({ type, body: await readFile(new URL(name, example)) });
      const site = await serve({
        '/greedy.mjs': { type: 'text/javascript', body: Buffer.from(await bundle('greedy-in-page.ts')) },
        '/vocab.json': await file('vocab.json', 'application/json'),
        '/model.safetensors': await file('model.safetensors', 'application/octet-stream'),
      });
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        await page.goto(site.url);
        const text = await callInPage(page, '/greedy.mjs', 'greedyText', {
          prompt,
          tokens: greedy.length - prompt.length,
        });
        expect(text).toBe(greedy);
      } finally {
        await browser.close();
        await site.close();
      }
    },
    240_000,
  );
});
