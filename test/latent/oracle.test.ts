import { expect, it } from 'vitest';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import { verifyModule } from '../../src/compiler/ir/verify.ts';
import { createOracle } from '../../src/compiler/oracle/oracle.ts';
import { shapedOf } from '../numeric/harness.ts';
import { values } from '../oracle/module.ts';
import { blocks, latentRows } from './specs.ts';

type Rows = readonly (readonly number[])[];

const [tokens, hidden, heads] = [7, 14, 3] as const;

const rowsOf = (data: ArrayLike<number>, width: number): Rows =>
  Array.from({ length: data.length / width }, (_, row) => Array.from(data).slice(row * width, (row + 1) * width));
const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);
const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => x * (b[i] ?? 0)));
const times = (x: Rows, w: Rows): Rows => x.map((row) => w.map((weights) => dot(row, weights)));
const norm = (x: Rows, gamma: readonly number[], eps: number): Rows =>
  x.map((row) =>
    row.map((value, i) => (value / Math.sqrt(sum(row.map((v) => v * v)) / row.length + eps)) * (gamma[i] ?? 0)),
  );

/** As in DeepSeek's code: interleaved pairs are first brought into halves, which leaves q·k as it is. */
function rotated(
  row: readonly number[],
  position: number,
  interleaved: boolean,
  speeds: readonly number[],
  factor: number,
) {
  const half = row.length / 2;
  const x = interleaved ? [...row.filter((_, i) => i % 2 === 0), ...row.filter((_, i) => i % 2 === 1)] : row;
  return x.map((value, i) => {
    const angle = position * (speeds[i % half] ?? 0);
    const other = i < half ? -(x[i + half] ?? 0) : (x[i - half] ?? 0);
    return factor * (value * Math.cos(angle) + other * Math.sin(angle));
  });
}

interface Sizes {
  readonly nope: number;
  readonly rope: number;
  readonly value: number;
  readonly kvRank: number;
  readonly rotate: (row: readonly number[], position: number) => readonly number[];
  readonly scale: number;
  readonly cap?: number;
}

/** softmax(scale · q·k) · v per head with q = [own | turned], k = [own | turned and shared], then the output projection. */
function reference(x: Rows, weight: (name: string) => Rows, bias: readonly number[], sizes: Sizes): Rows {
  const { nope, rope, value, kvRank, rotate, scale, cap } = sizes;
  const hasRank = weight('q_a').length > 0;
  const queries = hasRank
    ? times(norm(times(x, weight('q_a')), weight('q_a_norm').flat(), 1e-6), weight('q_b'))
    : times(x, weight('q'));
  const compressed = times(x, weight('kv_a')).map((row) => row.map((value, i) => value + (bias[i] ?? 0)));
  const latent = compressed.map((row) => row.slice(0, kvRank));
  const shared = compressed.map((row, position) => rotate(row.slice(kvRank), position));
  const expanded = times(norm(latent, weight('kv_a_norm').flat(), 1e-6), weight('kv_b'));
  const mixed = x.map((_, i) =>
    Array.from({ length: heads }, (_, h) => {
      const q = (queries[i] ?? []).slice(h * (nope + rope), (h + 1) * (nope + rope));
      const query = [...q.slice(0, nope), ...rotate(q.slice(nope), i)];
      const keys = expanded.slice(0, i + 1).map((row) => row.slice(h * (nope + value), (h + 1) * (nope + value)));
      const logits = keys.map((key, j) => scale * dot(query, [...key.slice(0, nope), ...(shared[j] ?? [])]));
      const powers = logits.map((logit) => Math.exp(cap === undefined ? logit : cap * Math.tanh(logit / cap)));
      return Array.from(
        { length: value },
        (_, d) => sum(powers.map((p, j) => p * (keys[j]?.[nope + d] ?? 0))) / sum(powers),
      );
    }).flat(),
  );
  return times(mixed, weight('o'));
}

const mscale = (weight: number) => 0.1 * weight * Math.log(4) + 1;
/** Pairs 0 and 1 of four entries with base 100: the first is within 32 tokens of its first turns, the second is far beyond. */
const yarnSpeeds = (base: number, dim: number, original: number, factor: number) => {
  const at = (turns: number) => (dim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const low = Math.max(Math.floor(at(32)), 0);
  const high = Math.min(Math.ceil(at(1)), dim - 1);
  return Array.from({ length: dim / 2 }, (_, j) => {
    const ramp = Math.min(Math.max((j - low) / (high - low), 0), 1);
    return base ** ((-2 * j) / dim) * (1 - ramp + ramp / factor);
  });
};

const interleavedYarn: Sizes = {
  nope: 6,
  rope: 4,
  value: 5,
  kvRank: 9,
  rotate: (row, at) => rotated(row, at, true, yarnSpeeds(100, 4, 32, 4), mscale(0.7) / mscale(1.2)),
  scale: 10 ** -0.5 * mscale(1.2) ** 2,
};

const sizesOf: Readonly<Record<keyof typeof blocks, Sizes>> = {
  'interleaved rotation and YaRN with both factors': interleavedYarn,
  'latent rows are cached': interleavedYarn,
  'latent rows are cached in pages, with biases': {
    nope: 7,
    rope: 4,
    value: 12,
    kvRank: 12,
    rotate: (row, at) => rotated(row, at, false, [1, 0.1], 1),
    scale: 11 ** -0.5,
  },
  'half rotation, queries projected at once': {
    nope: 7,
    rope: 4,
    value: 12,
    kvRank: 9,
    rotate: (row, at) => rotated(row, at, false, [1, 0.1], 1),
    scale: 11 ** -0.5,
  },
  'no rotation': { nope: 6, rope: 4, value: 5, kvRank: 9, rotate: (row) => row, scale: 10 ** -0.5, cap: 3 },
};

/** What a spec computes for `tokens` rows in two calls, with the same weights whatever is cached. */
function outputOf(yaml: string): { readonly out: readonly number[]; readonly shaped: ShapedSpec } {
  const shaped = shapedOf(yaml);
  const module = lower(shaped);
  expect(verifyModule(module)).toEqual([]);
  const oracle = createOracle(module, weightsOf(shaped), { batch: 1, capacity: tokens });
  const parts = [
    [0, 4],
    [4, tokens],
  ] as const;
  const out = parts.flatMap(([from, to]) => {
    const data = input.slice(from * hidden, to * hidden);
    const inputs = new Map([['hidden_in', { data, shape: [1, to - from, hidden] }]]);
    return [...(oracle.forward({ inputs }).get('out')?.data ?? [])];
  });
  return { out, shaped };
}

const input = values(tokens * hidden, 99);
const weightsOf = (shaped: ShapedSpec) =>
  new Map(
    shaped.weights.map(({ name, shape }, index) => [
      name,
      values(
        shape.reduce((a, b) => a * b),
        index + 1,
      ),
    ]),
  );

it.each(Object.keys(blocks) as (keyof typeof blocks)[])('%s: the oracle gives what the definition gives', (name) => {
  const { out, shaped } = outputOf(blocks[name]);
  const weights = weightsOf(shaped);
  const widths = new Map(shaped.weights.map(({ name: weight, shape }) => [weight, shape.at(-1) ?? 1]));
  const weight = (short: string) => {
    const full = `attn.${short}.weight`;
    return rowsOf(weights.get(full) ?? [], widths.get(full) ?? 1);
  };
  const bias = Array.from(weights.get('attn.kv_a.bias') ?? []);
  const expected = reference(rowsOf(input, hidden), weight, bias, sizesOf[name]).flat();
  expect(out).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(out[i]).toBeCloseTo(value, 11);
});

it.each(Object.entries(latentRows))('%s: what is cached makes no difference', (_, yaml) => {
  const { out } = outputOf(yaml);
  const { out: expected } = outputOf(yaml.replace('cache: latent', 'cache: expanded'));
  expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
  for (const [i, value] of expected.entries()) expect(out[i]).toBeCloseTo(value, 11);
});
