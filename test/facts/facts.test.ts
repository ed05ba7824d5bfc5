import { describe, expect, it } from 'vitest';
import { modelFacts } from '../../src/compiler/facts/model-facts.ts';
import { renderTable, type TableFormat } from '../../src/compiler/facts/table.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';

function facts(text: string) {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: `gqac: 1\n${text}` });
  if (shaped === undefined) throw new Error(`refused: ${JSON.stringify(diagnostics)}`);
  return modelFacts(shaped);
}

const rowsOf = (text: string, format: TableFormat) => renderTable([facts(text)], format);
const jsonOf = (text: string) => JSON.parse(rowsOf(text, 'json'))[0];

/** The sizes of Llama 3.1 8B. */
const llama = `
name: llama
model: { vocab: 128256, hidden: 4096, layers: 32, context: 131072, norm: { kind: rms, eps: 1e-5 } }
attention: { q_heads: 32, kv_heads: 8, head_dim: 128, rope: { base: 500000 }, mask: { causal: true } }
mlp: { kind: gated, activation: silu, width: 14336 }
`;

const hybrid = `
name: hybrid
model: { vocab: 100, hidden: 64, layers: 8, context: 1000, norm: { kind: rms } }
attention: { q_heads: 8, kv_heads: 2, head_dim: 8, rope: { base: 10000 }, memory_kv: { slots: 4 }, mask: { causal: true, memory: always } }
mlp: { kind: gated, activation: silu, width: 96 }
layers:
  kinds:
    local: { attention: { mask: { causal: true, window: 100, memory: always } } }
    global: { attention: { kv_heads: 4, rope: none, memory_kv: none, mask: { causal: true, memory: none } } }
  pattern: [local, local, global]
`;

describe('facts of a model', () => {
  it('count the parameters of a published model exactly', () => {
    expect(jsonOf(llama)).toMatchObject({
      name: 'llama',
      layers: 32,
      hidden: 4096,
      q_heads: 32,
      kv_heads: 8,
      group_size: 4,
      head_dim: 128,
      value_dim: 128,
      context: 131072,
      window_pattern: null,
      rope: { dim: 128, base: 500000, pairing: 'half' },
      parameters: 8_030_261_248,
      parameters_active: 8_030_261_248,
    });
  });

  it('say what the cache takes, and how that compares with a KV head for every query head', () => {
    const elements = 32 * 8 * (128 + 128);
    const { kv_bytes_per_token, kv_bytes_at_context, kv_times_smaller_than_mha } = jsonOf(llama);
    expect(kv_bytes_per_token).toEqual({ f32: 4 * elements, f16: 2 * elements, int8: elements });
    expect(kv_bytes_at_context.f16).toBe(2 * elements * 131072);
    expect(kv_times_smaller_than_mha).toBe(4);
  });

  it('count the operations of attention for a token at the end of the context', () => {
    const projections = 2 * 32 * 4096 * (4096 + 1024 + 1024 + 4096);
    const columns = 2 * 32 * 32 * (128 + 128) * 131072;
    expect(jsonOf(llama)).toMatchObject({
      attention_flops: { projections, columns },
      attention_flops_per_token: projections + columns,
    });
  });

  it('list what layers do not share, and count a window as its width and memory apart', () => {
    // Layers: local local global, repeated: six local, two global.
    expect(jsonOf(hybrid)).toMatchObject({
      kv_heads: [2, 4],
      group_size: [4, 2],
      memory: [4, 0],
      window_pattern: [100, 100, null],
      memory_bytes: { f32: 6 * 4 * 2 * 16 * 4 },
      kv_bytes_per_token: { int8: (6 * 2 + 2 * 4) * 16 },
      kv_bytes_at_context: { int8: 6 * 2 * 16 * 100 + 2 * 4 * 16 * 1000 },
      attention_flops: { columns: 2 * 8 * 16 * (6 * (4 + 100) + 2 * 1000) },
    });
  });

  it('count the experts that a token is given to as active', () => {
    const expert = 3 * 4096 * 14336;
    const moe = llama.replace(
      /^mlp: .*$/m,
      'mlp: { kind: gated, activation: silu, width: 1, experts: { count: 8, active: 2, width: 14336 } }',
    );
    const router = 8 * 4096;
    const shared = 8_030_261_248 - 32 * expert + 32 * router;
    expect(jsonOf(moe)).toMatchObject({
      mlp: '2 of 8 experts, gated silu 14336',
      parameters: shared + 32 * 8 * expert,
      parameters_active: shared + 32 * 2 * expert,
    });
  });

  it('count the latent row of latent attention as its cache, where it is what is cached', () => {
    const latent = llama.replace(
      /^attention: .*$/m,
      'attention: { q_heads: 16, mla: { q_rank: 64, kv_rank: 512, rope_dim: 64, nope_dim: 128, value_dim: 128, cache: latent }, rope: { pairing: interleaved }, mask: { causal: true } }',
    );
    const facts = jsonOf(latent);
    expect(facts).toMatchObject({ mla: { kv_rank: 512, rope_dim: 64 }, head_dim: 192, value_dim: 128 });
    expect(facts.kv_bytes_per_token.f16).toBe(2 * 32 * (512 + 64));
    expect(facts.kv_times_smaller_than_mha).toBeCloseTo((16 * (192 + 128)) / 576);
    const expanded = jsonOf(latent.replace(', cache: latent', ''));
    expect(expanded.kv_bytes_per_token.f16).toBe(2 * 32 * 16 * (192 + 128));
    const projections = 64 * 4096 + 64 * 16 * 192 + (512 + 64) * 4096 + 512 * 16 * (128 + 128) + 16 * 128 * 4096;
    expect(facts.attention_flops.projections).toBe(2 * 32 * projections);
  });

  it('of attention alone have no context', () => {
    const alone = 'name: alone\nattention: { q_heads: 4, kv_heads: 1, head_dim: 8, sinks: true }';
    expect(jsonOf(alone)).toMatchObject({
      layers: 1,
      hidden: null,
      context: null,
      norm: null,
      sinks: true,
      kv_bytes_per_token: { f32: 64 },
      kv_bytes_at_context: null,
      attention_flops_per_token: null,
    });
  });
});

describe('tables', () => {
  const cellsOf = (line: string | undefined) => (line ?? '').split('|').map((cell) => cell.trim());

  it('in Markdown have a title for each cell', () => {
    const [titles, rules, row] = rowsOf(hybrid, 'markdown').split('\n').map(cellsOf);
    expect(titles?.length).toBe(row?.length);
    expect(rules?.length).toBe(row?.length);
    const cell = (title: string) => row?.[titles?.indexOf(title) ?? -1];
    expect(cell('KV heads')).toBe('2 / 4');
    expect(cell('window')).toBe('2 × 100, 1 × all');
    expect(cell('positions')).toBe('rope 1e4, none');
    expect(cell('sinks, memory')).toBe('memory 4 / 0');
    expect(cell('KV bytes per token (f32 / f16 / int8)')).toBe('1,280 / 640 / 320');
  });

  it('in CSV have the same columns for every model', () => {
    const alone = facts('name: alone\nattention: { q_heads: 4, kv_heads: 1, head_dim: 8 }');
    const lines = renderTable([facts(hybrid), alone], 'csv')
      .trimEnd()
      .split('\r\n');
    expect(lines).toHaveLength(3);
    const names = lines[0]?.split(',') ?? [];
    const values = lines[2]?.split(',') ?? [];
    expect(values).toHaveLength(names.length);
    expect(values[names.indexOf('kv_bytes_per_token.f16')]).toBe('32');
    expect(values[names.indexOf('kv_bytes_at_context.f16')]).toBe('');
    expect(lines[1]).toContain(',100 100 all,"rope 1e4, none",');
  });

  it('in HTML are one page', () => {
    const page = rowsOf(llama, 'html');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page.match(/<th[ >]/g)?.length).toBe(page.match(/<td/g)?.length);
    expect(page).toContain('<td class="n">8,030,261,248</td>');
  });
});
