import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { checkAttention, checkText } from '../frontend/helpers.ts';

const own = [
  'parameters: { gain: { axes: [h] }, table: { axes: [kv, 9] } }',
  'score: "softcap(s * gain[h], 5) - 0.1 * h * (q - k) + table[kv, min(q - k, 8)]"',
  'mask: { causal: true, where: "q - k < 6 + h | k < 2" }',
];
const hidden = ['hidden: 24', 'q_heads: 4', 'kv_heads: 2'];

const model = `gqac: 1
name: layered
model: { vocab: 32, hidden: 24, layers: 3, context: 48 }
mlp: { kind: plain, activation: relu, width: 16 }
attention: { q_heads: 4, kv_heads: 2, ${own.join(', ')} }
layers:
  kinds:
    scored: {}
    plain: { attention: { score: none, parameters: none, mask: { where: none } } }
  pattern: [scored, plain]
`;

const specs = {
  'a cache': checkAttention(...hidden, ...own),
  'rotary positions and interleaved heads': checkAttention(...hidden, 'rope: {}', 'group_order: interleaved', ...own),
  'f16 keys': checkAttention(...hidden, 'cache: { dtype: f16 }', ...own),
  pages: checkAttention(...hidden, 'cache: { kind: paged, page_size: 8 }', ...own),
  'heads that are chosen': checkAttention(...hidden, 'heads: { active: [0, 3] }', ...own),
  'heads by a mask': checkAttention(...hidden, 'heads: { active: runtime }', ...own),
  'scores that are kept': checkAttention(...hidden, 'hooks: [scores, pattern]', ...own),
  'latent keys': checkAttention(
    'hidden: 24',
    'q_heads: 4',
    'mla: { kv_rank: 8, nope_dim: 6, rope_dim: 4, value_dim: 6 }',
    ...own,
  ),
  'a context': checkAttention(
    ...hidden,
    'cross: 20',
    'score: "s - alibi_slope(h) * abs(q - k)"',
    'mask: { where: "k < k_len - 1 & abs(q - k) < 9" }',
  ),
  'layers that differ': checkText(model),
} as const;

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await openDevice());
});
afterAll(() => device?.destroy());

test.each(Object.entries(specs))('expressions with %s', { timeout: 60_000 }, async (_, { shaped, diagnostics }) => {
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  if (shaped === undefined) throw new Error('refused');
  const checkpoint = await randomCheckpoint(shaped, 7);
  const { entries } = await verifyModule(shaped, compileModule(shaped), { device, checkpoint, tokens: 13, seed: 3 });
  expect(entries.length).toBeGreaterThan(0);
  expect(entries.filter(({ passed }) => !passed)).toEqual([]);
});
