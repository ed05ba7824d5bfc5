import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { register } from '../../src/cli/commands/diagram.ts';
import { drawDiagram } from '../../src/compiler/diagram/diagram.ts';
import { element, text } from '../../src/compiler/diagram/svg.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';

function draw(spec: string): string {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: `gqac: 1\n${spec}` });
  if (shaped === undefined) throw new Error(`refused: ${JSON.stringify(diagnostics)}`);
  return drawDiagram(shaped);
}

const alone = (attention: string) => draw(`name: alone\nattention: { ${attention} }`);
const count = (svg: string, pattern: RegExp) => [...svg.matchAll(pattern)].length;

/** Names of elements that are opened and not closed in their order. */
function unbalanced(svg: string): readonly string[] {
  const open: string[] = [];
  for (const [, end, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (end === '/') {
      if (open.pop() !== name) return [`</${name}>`];
    } else if (self !== '/') open.push(name ?? '');
  }
  return open;
}

const hybrid = `
name: hybrid
model: { vocab: 100, hidden: 64, layers: 12, context: 1000, norm: { kind: rms } }
attention: { q_heads: 8, kv_heads: 2, head_dim: 8, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 96 }
layers:
  kinds: { local: { attention: { mask: { causal: true, window: 100 } } }, global: {} }
  pattern: [local, local, global]
`;

describe('the diagram', () => {
  it('has a box and a line for each query head, a box for each KV head, in the hue of its group', () => {
    const blocked = alone('q_heads: 6, kv_heads: 2, head_dim: 8');
    const hues = (svg: string) =>
      [...svg.matchAll(/<path[^>]*C[^>]*class="h(\d) line"/g)].map(([, hue]) => hue).join('');
    expect(hues(blocked)).toBe('000111');
    expect(count(blocked, /class="h\d box"/g)).toBe(6 + 2);
    expect(hues(alone('q_heads: 6, kv_heads: 2, head_dim: 8, group_order: interleaved'))).toBe('010101');
  });

  it('draws which key columns a query sees', () => {
    const seen = (svg: string) => count(svg, /class="h\d seen"/g);
    // Five queries after nine tokens; a window is drawn five wide.
    expect(seen(alone('q_heads: 1, head_dim: 8, mask: { causal: true }'))).toBe(10 + 11 + 12 + 13 + 14);
    expect(seen(alone('q_heads: 1, head_dim: 8, mask: { causal: true, window: 7 }'))).toBe(5 * 5);
    expect(seen(alone('q_heads: 1, head_dim: 8'))).toBe(5 * 14);
    expect(seen(alone('q_heads: 1, head_dim: 8, mask: { causal: true }, memory_kv: 2'))).toBe(60 + 5 * 2);
  });

  it('names the columns before the sequence, and what is learned', () => {
    const svg = alone('q_heads: 2, head_dim: 8, zero_kv: true, memory_kv: 1024');
    expect(svg).toContain('>zero<');
    expect(svg).toContain('>1,024 learned<');
  });

  it('shows layers that differ with their pattern', () => {
    const svg = draw(hybrid);
    expect(svg).toContain('12 layers: 2 × local, 1 × global, repeated');
    expect(svg).toContain('>local (8)<');
    expect(svg).toContain('>global (4)<');
    expect(svg).toContain('window 100');
  });

  it('shows layers that differ elsewhere than in attention, too', () => {
    const mixed = hybrid
      .replace(/kinds: .*$/m, 'kinds: { small: {}, large: { mlp: { width: 128 } } }')
      .replace('[local, local, global]', '[small, large]');
    const svg = draw(mixed);
    expect(svg).toContain('12 layers: 1 × small, 1 × large, repeated');
    expect(svg).toContain('small, large: 8 query heads on 2 KV heads');
  });

  it('is well formed, the same each time, and follows the colour scheme', () => {
    const svg = draw(hybrid);
    expect(unbalanced(svg)).toEqual([]);
    expect(svg).toBe(draw(hybrid));
    expect(svg).toContain('@media (prefers-color-scheme:dark)');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('escapes text and attributes', () => {
    expect(text(0, 0, '<script>&"')).toBe('<text x="0" y="0">&lt;script&gt;&amp;&quot;</text>');
    expect(element('g', { class: '"><' })).toBe('<g class="&quot;&gt;&lt;"/>');
  });
});

describe('gqac diagram', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gqac-diagram-'));
  });
  afterEach(async () => {
    process.exitCode = 0;
    await rm(folder, { recursive: true });
  });

  const run = async (...args: string[]) => {
    const program = new Command().exitOverride();
    register(program);
    await program.parseAsync(['diagram', ...args], { from: 'user' });
  };

  it('writes a file, and again over its own, but not over another', async () => {
    const file = join(folder, 'out.svg');
    await run('examples/shakespeare-xt-mem-mqa', '-o', file);
    await run('examples/shakespeare-xt-mem-mqa', '-o', file);
    expect(await readFile(file, 'utf8')).toBe(await readFile('docs/images/memory-mqa.svg', 'utf8'));
    await writeFile(file, '<svg/>');
    await expect(run('examples/shakespeare-xt-mem-mqa', '-o', file)).rejects.toThrow('was not drawn by gqac');
    await run('examples/shakespeare-xt-mem-mqa', '-o', file, '--force');
    expect(await readFile(file, 'utf8')).toContain('drawn by gqac');
  });
});
