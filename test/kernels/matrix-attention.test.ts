import { describe, expect, it } from 'vitest';
import { emitWgsl } from '../../src/compiler/emit-wgsl/emit.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';
import { shapedFrom } from '../ir/specs.ts';

/** The kernel that follows no maximum. */
function kernelOf(options: string): string {
  const text = `gqac: 1\nname: one\nattention: { q_heads: 8, kv_heads: 2, head_dim: 64, ${options}, cache: { dtype: f16 } }`;
  const { prefill } = planProgram(lower(shapedFrom('spec.yaml', text)), profiles.matrix);
  const plan = prefill
    .map((one) => one.plan)
    .find((one) => one.stage === 'attention_matrix' && one.fewRows === undefined);
  if (plan === undefined) throw new Error(`no matrix kernel for ${options}`);
  return emitWgsl(plan).code;
}

const bodyOf = (code: string, name: string) => code.split(`fn ${name}(`)[1]?.split('\n}\n')[0] ?? '';

describe('references of exponentials', () => {
  const asks = (mask: string) => bodyOf(kernelOf(`mask: { causal: true${mask} }`), 'weigh').includes('subgroupAny');

  it('are known before the loop where all rows of a workgroup see something of one tile', () => {
    expect(asks('')).toBe(false);
    expect(asks(', window: 34')).toBe(false);
    expect(kernelOf('mask: { causal: true, window: 34 }')).toContain('maximum_of(place, reference_column)');
  });

  it('are those of the nearest keys where biases may put distant ones far below them', () => {
    const isNearest = (options: string) =>
      kernelOf(`mask: { causal: true }, ${options}`).includes('let reference_column = nearest_tile(');
    expect(isNearest('alibi: {}')).toBe(true);
    expect(isNearest('score: "s - 0.1 * (q - k)"')).toBe(true);
    expect(isNearest('t5_bias: {}')).toBe(false);
    expect(isNearest('softcap: 50')).toBe(false);
  });

  it('are raised by what ALiBi adds on the way to a row, whose weights must not all be small then', () => {
    const fits = (options: string) => bodyOf(kernelOf(`mask: { causal: true }, ${options}`), 'fits');
    expect(fits('alibi: {}')).toContain('sum >= 1.0 / 4096.0');
    expect(fits('alibi: {}, sinks: true')).not.toContain('4096');
    expect(fits('score: "s - 0.1 * (q - k)"')).not.toContain('4096');
  });

  it('are asked for in every tile elsewhere', () => {
    expect(asks(', window: 32')).toBe(true);
    expect(asks(', chunk: 64')).toBe(true);
    expect(asks(', padding: keys')).toBe(true);
  });
});

describe('windows', () => {
  const isAskedInLoop = (mask: string) =>
    kernelOf(`mask: { causal: true, ${mask} }`).includes('next_column = next_tile(');

  it('begin with the first rows if they are short, other masks with the last', () => {
    expect(kernelOf('mask: { causal: true, window: 99 }')).toContain('let first_row = group.y * ROWS;');
    for (const mask of ['', ', window: 4096'])
      expect(kernelOf(`mask: { causal: true${mask} }`)).toContain('let first_row = (groups.y - 1u - group.y) * ROWS;');
  });

  it('are skipped to once, unless something before them is seen by every row', () => {
    expect(isAskedInLoop('window: 99')).toBe(false);
    expect(isAskedInLoop('window: 99, prefix: 5')).toBe(true);
  });
});

describe('batches', () => {
  const returns = (mask: string) => kernelOf(`mask: ${mask}`).includes('if (token_of(first_row) >= sequence.count)');

  it('have nothing computed behind the tokens of a shorter sequence', () => {
    expect(returns('{ causal: true }')).toBe(true);
    expect(returns('{ causal: true, window: 99 }')).toBe(true);
    expect(returns('{ causal: false }')).toBe(false);
  });
});

describe('caps of common size', () => {
  it('take one division for four logits', () => {
    const body = bodyOf(kernelOf('mask: { causal: true }, softcap: 50'), 'visible_logits_at');
    const divisions = body.split('\n').filter((line) => line.includes(' / ') && !line.includes('//'));
    expect(divisions.map((line) => line.trim())).toEqual(['let others = pairs.yx / (pairs.x * pairs.y);']);
  });
});

describe('memory', () => {
  it('is read in a loop of its own, in two parts, and by nothing else', () => {
    const code = kernelOf('mask: { causal: true }, memory_kv: 9');
    expect(bodyOf(code, 'keys_entries')).not.toContain('memory');
    expect(bodyOf(code, 'memory_keys')).toContain('held_or_rest(load_memory_k(slot, 2u * piece), is_rest)');
    expect(code).toContain(
      'for (var column = 0u; column < select(0u, PREFIX_COLUMNS, part == 0u); column += TILE_SLOTS)',
    );
    expect(kernelOf('mask: { causal: true }')).not.toContain('TILE_SLOTS');
  });
});
