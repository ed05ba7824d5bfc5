import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { type PrintableSpec, type PrintableValue, printYaml } from '../../src/compiler/syntax/print.ts';
import type { Draw } from './draw.ts';

export interface RandomSpec {
  readonly text: string;
  readonly shaped: ShapedSpec;
}

export type Values = Readonly<Record<string, readonly PrintableValue[]>>;

/** Widths that blocks of 16 and loads of 8 divide, and some that they do not. */
const widths = [8, 16, 24, 32, 40, 48, 64, 64, 72, 80, 96, 112, 128, 128, 160, 192, 256, 20, 36, 10] as const;
const kvHeads = [1, 1, 2, 3] as const;
const queriesPerKv = [1, 1, 2, 3, 4, 4, 5, 7, 8, 16, 71] as const;

const slots = [1, 2, 3, 8, 15, 16, 17, 18, 33] as const;

/** Beside these, three masks of four are causal. */
const masks: Values = {
  window: [1, 2, 7, 15, 16, 17, 33, 64, 100, 128, 129, 500, 1024],
  chunk: [5, 16, 64, 100, 257],
  prefix: [1, 17, 70, 'runtime'],
  padding: ['keys', 'keys_and_queries'],
  documents: [true],
  where: ['k % 3 != 1', 'q - k < 100', 'q // 64 == k // 64', 'h != 0 | k % 2 == 0', 'abs(q - 40 - k) < 30', 'k >= 20'],
};

const options: Values = {
  group_order: ['interleaved'],
  scale: [0.3],
  memory_kv: slots,
  zero_kv: [true],
  sinks: [true],
  softcap: [5, 50],
  logits_order: [['bias', 'cap']],
  alibi: [{}, { scale: 0.1 }],
  t5_bias: [{}, { buckets: 8, max_distance: 40 }],
  bias: [{}, { batch: true }, { heads: false }],
  score: ['s - 0.01 * abs(q - k)', 'softcap(s, 20) + select(is_memory, 1, 0)', 's - alibi_slope(h) * max(q - k, 0)'],
};

/** What the portable kernels alone compute. */
const portableOptions: Values = { similarity: ['l2'], heads: [{ active: [0] }, { active: 'runtime' }] };

const precisions: readonly PrintableSpec[] = [
  {},
  {},
  {},
  { precision: { activations: 'f16' } },
  { precision: { compute: 'f16' } },
];

/** Of heads that the app gives, of a cache, and of latent rows. */
const shapes = ['given', 'cached', 'cached', 'latent'] as const;

/** An attention that the checker accepts. Half of what is drawn contradicts itself, and is drawn again. */
export function randomSpec(draw: Draw): RandomSpec {
  for (;;) {
    const text = printYaml({ gqac: 1, name: 'sweep', attention: randomAttention(draw) });
    const { shaped } = checkSpec({ path: 'spec.yaml', text });
    if (shaped !== undefined) return { text, shaped };
  }
}

function randomAttention(draw: Draw): PrintableSpec {
  const shape = draw.from(shapes);
  const mask = randomMask(draw);
  const portable = draw.chance(0.1) ? some(draw, portableOptions, 1) : {};
  const others = { ...some(draw, options, 3), ...portable, ...(Object.keys(mask).length > 0 && { mask }) };
  if (shape === 'latent') {
    const q_heads = draw.from([8, 16, 20, 32, 128]);
    const [kv_rank, rope_dim] = draw.from([
      [512, 64],
      [256, 64],
      [128, 64],
      [64, 32],
    ] as const);
    const mla = { kv_rank, rope_dim, nope_dim: 32, value_dim: 32, cache: 'latent' };
    const kind = draw.from(['dense', 'dense', 'paged']);
    return { hidden: 32, q_heads, mla, rope: { pairing: 'half' }, ...others, cache: { dtype: 'f16', kind } };
  }
  const kv_heads = draw.from(kvHeads);
  const head_dim = draw.from(widths);
  const value_dim = draw.chance(0.6) ? head_dim : draw.from(widths);
  const heads = { q_heads: kv_heads * draw.from(queriesPerKv), kv_heads, head_dim, value_dim };
  if (shape === 'given') return { ...heads, ...others, ...draw.from(precisions), cache: { dtype: 'f16' } };
  const cache = {
    dtype: draw.from(['f16', 'f16', 'int8', 'f32']),
    kind: draw.from(['dense', 'dense', 'ring', 'paged']),
  };
  return { hidden: 32, ...heads, ...others, cache };
}

function randomMask(draw: Draw): PrintableSpec {
  const mask: PrintableSpec = { ...(draw.chance(0.75) && { causal: true }), ...some(draw, masks, 2) };
  const memory = draw.from(['always', 'windowed']);
  return 'window' in mask && draw.chance(0.5) ? { ...mask, memory } : mask;
}

/** Up to so many of them, none as often as any other number. */
export function some(draw: Draw, values: Values, most: number): PrintableSpec {
  const names = Object.keys(values);
  const chosen = Array.from({ length: draw.below(most + 1) }, () => draw.from(names));
  return Object.fromEntries(chosen.map((name) => [name, draw.from(values[name] ?? [])]));
}
