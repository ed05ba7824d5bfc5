import { describe, expect, test } from 'vitest';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { checkText } from './helpers.ts';

/** What other systems refuse or get wrong, and what is sound: nothing may be reported. */
const sound: Readonly<Record<string, string>> = {
  'head_dim with H·D unlike hidden (Gemma, Qwen3)': attention(
    'hidden: 1024',
    'q_heads: 16',
    'kv_heads: 8',
    'head_dim: 128',
  ),
  'as many KV heads as query heads': attention('hidden: 64', 'q_heads: 8', 'kv_heads: 8'),
  'one KV head': attention('hidden: 64', 'q_heads: 8', 'kv_heads: 1'),
  'one KV head by its option': attention('hidden: 64', 'q_heads: 8', 'one_kv_head: true'),
  'odd numbers of heads': attention('hidden: 71', 'q_heads: 71', 'kv_heads: 1', 'head_dim: 64'),
  'five query heads of three KV groups of five': attention('q_heads: 15', 'kv_heads: 3', 'head_dim: 64'),
  ...Object.fromEntries(
    [20, 80, 96, 192, 256].map((width) => [
      `head_dim ${width}`,
      attention('hidden: 64', 'q_heads: 4', `head_dim: ${width}`),
    ]),
  ),
  'layers with different KV heads and widths': `gqac: 1
name: example
model: { vocab: 65, hidden: 64, layers: 4, context: 64 }
mlp: { activation: silu, width: 128 }
attention: { q_heads: 8, kv_heads: 4, head_dim: 16 }
layers:
  kinds:
    few: { attention: { kv_heads: 1, head_dim: 32 } }
    many: { attention: { kv_heads: 8 } }
  pattern: [few, many]
`,
  'a window with memory that is always visible': attention(
    'q_heads: 8',
    'head_dim: 64',
    'memory_kv: 4',
    'mask: { causal: true, window: 16, memory: always }',
  ),
  'a window with memory that is windowed': attention(
    'q_heads: 8',
    'head_dim: 64',
    'memory_kv: 4',
    'mask: { causal: true, window: 16, memory: windowed }',
  ),
  ...Object.fromEntries(
    [1, 12, 64, 100].map((width) => [
      `memory with values of ${width}`,
      attention('hidden: 64', 'q_heads: 8', 'kv_heads: 2', 'head_dim: 64', `value_dim: ${width}`, 'memory_kv: 3'),
    ]),
  ),
  'RoPE with ALiBi': attention('hidden: 64', 'q_heads: 4', 'rope: { pairing: half }', 'alibi: {}'),
  'learned positions with RoPE': `gqac: 1
name: example
model: { vocab: 65, hidden: 64, layers: 1, context: 64, positions: { kind: learned } }
mlp: { activation: silu, width: 128 }
attention: { q_heads: 4, rope: { pairing: half }, mask: { causal: true } }
`,
};

describe('nothing is reported of', () => {
  test.each(Object.entries(sound))('%s', (_, text) => {
    const { diagnostics, shaped } = checkText(text);
    expect(diagnostics).toEqual([]);
    expect(shaped).toBeDefined();
  });
});
