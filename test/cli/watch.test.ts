import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { root } from '../frontend/helpers.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-watch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('builds again when the spec or a file that it includes changes, also one included later', {
  timeout: 120_000,
}, async () => {
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const heads = (count: number) => `gqac: 1\nattention: { q_heads: ${count}, head_dim: 8 }\n`;
  const mask = (window: number) => `gqac: 1\nattention: { mask: { causal: true, window: ${window} } }\n`;
  const spec = (...parts: readonly string[]) => `gqac: 1\nname: watched\ninclude: [${parts.join(', ')}]\n`;
  write('heads.gqa.yaml', heads(4));
  write('spec.yaml', spec('heads.gqa.yaml'));
  const args = ['--import', import.meta.resolve('tsx'), join(root, 'src/cli/main.ts'), 'build', 'spec.yaml', '--watch'];
  const child = spawn(process.execPath, args, { cwd: folder });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk;
    });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const waitFor = (test: () => void) => vi.waitFor(test, { timeout: 30_000, interval: 50 });
  const manifest = () => readFileSync(join(folder, 'generated/watched.manifest.json'), 'utf8');
  try {
    await waitFor(() => expect(said).toContain('watching'));
    expect(manifest()).toContain('"qHeads": 4');
    write('heads.gqa.yaml', heads(8));
    await waitFor(() => expect(manifest()).toContain('"qHeads": 8'));
    write('mask.gqa.yaml', mask(0));
    write('spec.yaml', spec('heads.gqa.yaml', 'mask.gqa.yaml'));
    await waitFor(() => expect(said).toContain('SCH002'));
    write('mask.gqa.yaml', mask(5));
    await waitFor(() => expect(said.match(/written/g)).toHaveLength(3));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
  } finally {
    child.kill('SIGKILL');
  }
});
