import { describe, expect, it } from 'vitest';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { AttentionSession } from '../../src/runtime/abi1/index.ts';
import { givenTensors } from '../../src/verify/calls.ts';
import { randomNumbers } from '../../src/verify/random.ts';
import { errorsOf, headInputs, type LoadedSpec, loadSpec, useDevice, worst } from './harness.ts';

const gpu = useDevice();

const heads = 'q_heads: 6, kv_heads: 2, head_dim: 16, value_dim: 12';
const sizes = [
  { tokens: 19, keys: 45 },
  { tokens: 33, keys: 33 },
  { tokens: 9, keys: 4 },
  { tokens: 1, keys: 300 },
] as const;

/** The kernels against the f64 reading of the same spec, in each form that serves it. */
async function kernelError(spec: LoadedSpec): Promise<number> {
  const errors: number[] = [];
  for (const { tokens, keys } of sizes) {
    const given = givenTensors(spec.shaped, randomNumbers(tokens));
    const inputs = new Map([...headInputs(spec.shaped, { batch: 2, tokens, keys }), ...given]);
    const call = { counts: [tokens, Math.ceil(tokens / 2)], keyCounts: [keys, Math.ceil(keys / 2)], inputs };
    errors.push(worst(await errorsOf(spec, { batch: 2, capacity: keys }, [call])));
  }
  return Math.max(...errors);
}

function oracleOutput(spec: LoadedSpec, size: (typeof sizes)[number], weights = spec.weights): Float64Array {
  const inputs = headInputs(spec.shaped, { batch: 1, ...size });
  const out = createOracle(spec.compiled.module, weights, { batch: 1, capacity: size.keys }).forward({ inputs });
  return out.get('out')?.data ?? new Float64Array();
}

async function deviceOutput(spec: LoadedSpec, size: (typeof sizes)[number]): Promise<Float32Array> {
  const inputs = headInputs(spec.shaped, { batch: 1, ...size });
  const session = await AttentionSession.create(spec.loaded, size);
  const data = Object.fromEntries([...inputs].map(([name, tensor]) => [name, Float32Array.from(tensor.data)]));
  const out = await session.run(data, size);
  session.dispose();
  return out;
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  expect(a.length).toBeGreaterThan(0);
  return Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))).reduce((x, y) => Math.max(x, y), 0);
}

/** An expression, and the option that says the same. */
const equals: readonly (readonly [name: string, expression: string, option: string])[] = [
  ['softcap', 'score: "softcap(s, 1.5)"', 'softcap: 1.5'],
  ['ALiBi', 'score: "s - alibi_slope(h) * abs(q - k)"', 'alibi: {}'],
  [
    'ALiBi on the sequence alone',
    'memory_kv: 3, zero_kv: true, score: "select(is_memory | is_zero, s, s - alibi_slope(h) * abs(q - k))"',
    'memory_kv: 3, zero_kv: true, alibi: {}',
  ],
  [
    'cap, then bias',
    'score: "softcap(s, 2) - alibi_slope(h) * abs(q - k)", mask: { causal: true }',
    'softcap: 2, alibi: {}, logits_order: [cap, bias], mask: { causal: true }',
  ],
  [
    'bias, then cap',
    'score: "softcap(s - alibi_slope(h) * abs(q - k), 2)"',
    'softcap: 2, alibi: {}, logits_order: [bias, cap]',
  ],
  ['causal', 'mask: { where: "k <= q" }', 'mask: { causal: true }'],
  ['a window', 'mask: { where: "q - k < 7" }', 'mask: { window: 7 }'],
  ['a causal window', 'mask: { causal: true, where: "k > q - 5" }', 'mask: { causal: true, window: 5 }'],
  [
    'a window with memory',
    'memory_kv: 3, mask: { where: "is_memory | (k <= q & q - k < 7)" }',
    'memory_kv: 3, mask: { causal: true, window: 7, memory: always }',
  ],
  [
    'a window, memory unsaid',
    'memory_kv: 3, zero_kv: true, mask: { causal: true, where: "q - k < 7" }',
    'memory_kv: 3, zero_kv: true, mask: { causal: true, window: 7, memory: always }',
  ],
  ['no memory at all', 'memory_kv: 3, zero_kv: true, mask: { where: "!is_memory & !is_zero" }', ''],
  [
    'functions',
    'functions: { seen: { params: [d, n], body: "is_memory | (0 <= d & d < n)" }, cap: { params: [x], body: "softcap(x, 1.5)" } }, memory_kv: 3, score: "cap(s)", mask: { where: "seen(q - k, 7)" }',
    'memory_kv: 3, softcap: 1.5, mask: { causal: true, window: 7, memory: always }',
  ],
  ['nothing changed', 'score: "s", mask: { where: "true" }', ''],
];

describe('an expression equals the option that it stands for', () => {
  it.each(equals)('%s', async (_, expression, option) => {
    const own = await loadSpec(gpu.device, `attention: { ${heads}, ${expression} }`, 5);
    const other = await loadSpec(gpu.device, `attention: { ${heads}, ${option} }`, 5);
    for (const size of sizes) {
      expect(farthest(oracleOutput(own, size), oracleOutput(other, size))).toBeLessThan(1e-12);
      expect(farthest(await deviceOutput(own, size), await deviceOutput(other, size))).toBeLessThan(3e-6);
    }
    expect(await kernelError(own)).toBeLessThan(3e-6);
    for (const { loaded } of [own, other]) loaded.dispose();
  });
});

/** What no option says. */
const others: readonly (readonly [name: string, attention: string])[] = [
  ['a prefix that all see', 'mask: { where: "k < 6 | k <= q" }'],
  ['a dilated window', 'mask: { causal: true, where: "q - k < 24 & (q - k) % 3 == 0" }'],
  ['blocks', 'mask: { where: "q // 8 == k // 8" }'],
  ['blocks of negative positions', 'mask: { where: "(k - 20) // 8 <= (q - 20) // 8" }'],
  ['a window for each head', 'mask: { causal: true, where: "q - k < 4 * (h + 1)" }'],
  ['KV heads that see others', 'mask: { where: "kv == 0 | k % 2 == 0" }'],
  ['KV heads that see others, interleaved', 'group_order: interleaved, mask: { where: "kv == 0 | k % 2 == 0" }'],
  ['lengths', 'mask: { where: "k < k_len - 1 | q_len == 1" }'],
  ['one sequence of two', 'score: "select(b == 0, s, -s)"'],
  [
    'learned slopes',
    'parameters: { slope: { axes: [h] } }, score: "s - 0.05 * slope[h] * (q - k)", mask: { causal: true }',
  ],
  [
    'slopes and a factor that are given',
    'parameters: { slope: { axes: [h, 3], runtime: true }, gain: { runtime: true } }, score: "s * gain - slope[h, (q - k) % 3]", mask: { causal: true }',
  ],
  [
    'distance bins',
    'parameters: { bias: { axes: [kv, 9] } }, score: "s + bias[kv, clamp(q - k + 4, 0, 8)]", mask: { window: 30 }',
  ],
  [
    'logarithmic bins',
    'parameters: { bias: { axes: [6, 8] }, width: {} }, score: "s + bias[h, clamp(floor(1.7 * log(q - k + 1)), 0, 7)] * width", mask: { causal: true, window: 40 }',
  ],
  [
    'memory with a score of its own',
    'memory_kv: 2, zero_kv: true, parameters: { gain: { axes: [h] } }, score: "select(is_memory, s * gain[h], select(is_zero, -1, s))"',
  ],
  ['functions', 'score: "tanh(s) + exp(min(s, 1.0)) * sqrt(abs(s)) - max(s, 0.5) / (1 + abs(s)) + log(1 + abs(s))"'],
  ['rows that see nothing', 'mask: { where: "q > 10 & q != 12" }, sinks: true'],
  ['separate steps', 'head_mixing: [pre, post], score: "softcap(s, 3)", mask: { where: "q - k < 9" }'],
  ['a sigmoid', 'normalizer: sigmoid, score: "s - 0.1 * abs(q - k)", mask: { causal: true, where: "h != 2 | k > 3" }'],
  ['top-k', 'normalizer: { kind: topk, k: 3 }, score: "-abs(s)", mask: { where: "h < 3 | k % 2 == 1" }'],
];

describe('kernels compute what the f64 reading says', () => {
  it.each(others)('%s', async (_, attention) => {
    const spec = await loadSpec(gpu.device, `attention: { ${heads}, ${attention} }`, 5);
    expect(await kernelError(spec)).toBeLessThan(5e-6);
    spec.loaded.dispose();
  });
});

/** Whole tiles of keys that a mask hides, as half-open ranges. */
const skipped: readonly (readonly [where: string, hidden: readonly (readonly [number, number])[]])[] = [
  ['q - k < 100', [[0, 380]]],
  [
    'k < q - 100 & q - k < 200',
    [
      [0, 290],
      [530, 700],
    ],
  ],
  [
    'k >= 300 & k < 350',
    [
      [0, 250],
      [480, 700],
    ],
  ],
  [
    'abs(q - 300 - k) < 20',
    [
      [0, 192],
      [480, 700],
    ],
  ],
  ['q - k < 10 * (h + 1)', [[0, 420]]],
];

describe('keys that a mask hides from all queries of a tile are not read', () => {
  it.each(skipped)('%s', async (where, hidden) => {
    const spec = await loadSpec(gpu.device, `attention: { ${heads}, mask: { where: "${where}" } }`, 5);
    for (const tokens of [40, 1]) {
      const size = { tokens, keys: 600 };
      const inputs = headInputs(spec.shaped, { batch: 1, ...size });
      const data = Object.fromEntries([...inputs].map(([name, tensor]) => [name, Float32Array.from(tensor.data)]));
      const session = await AttentionSession.create(spec.loaded, size);
      const clean = await session.run(data, size);
      // What is read of a hidden key has no weight, but a NaN among the values spreads whatever its weight.
      for (const [from, to] of hidden) {
        data.k?.fill(Number.NaN, from * 2 * 16, to * 2 * 16);
        data.v?.fill(Number.NaN, from * 2 * 12, to * 2 * 12);
      }
      expect(await session.run(data, size)).toEqual(clean);
      expect(clean.every(Number.isFinite)).toBe(true);
      session.dispose();
    }
    spec.loaded.dispose();
  });
});
