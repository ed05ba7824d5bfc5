import type { RopeScaling } from './definition.ts';

export interface RopeShape {
  /** Dimensions that are rotated; even. */
  readonly dim: number;
  readonly base: number;
  readonly scaling?: RopeScaling | undefined;
}

export interface RopeFrequencies {
  /** Radians per position, of dim / 2 pairs. */
  readonly frequencies: readonly number[];
  /** On cos and sin. */
  readonly factor: number;
}

/**
 * Plain: base^(−2j / dim) (RoFormer, arXiv 2104.09864). `capacity`, in tokens, stands for the length of the sequence where a
 * scaling depends on it: keys that are cached keep their rotation, so it cannot change while a session grows.
 */
export function ropeFrequencies(shape: RopeShape, capacity: number): RopeFrequencies {
  const { scaling } = shape;
  const plain = plainFrequencies(shape);
  switch (scaling?.kind) {
    case undefined:
      return { frequencies: plain, factor: 1 };
    case 'linear':
      return { frequencies: plain.map((frequency) => frequency / scaling.factor), factor: 1 };
    case 'dynamic':
      return { frequencies: dynamicFrequencies(shape, scaling, capacity), factor: 1 };
    case 'llama3':
      return { frequencies: plain.map((frequency) => llama3Frequency(frequency, scaling)), factor: 1 };
    case 'yarn':
      return { frequencies: yarnFrequencies(shape, plain, scaling), factor: scaling.attentionFactor };
    case 'longrope': {
      const divisors = capacity > scaling.originalContext ? scaling.longFactors : scaling.shortFactors;
      return { frequencies: plain.map((f, j) => f / (divisors[j] ?? 1)), factor: scaling.attentionFactor };
    }
  }
}

const plainFrequencies = ({ dim, base }: RopeShape): readonly number[] =>
  Array.from({ length: dim / 2 }, (_, j) => base ** ((-2 * j) / dim));

type ScalingOf<K extends RopeScaling['kind']> = Extract<RopeScaling, { kind: K }>;

/** NTK-aware: a base that stretches the slowest pair by the length, and leaves the fastest. */
function dynamicFrequencies(
  { dim, base }: RopeShape,
  { factor, originalContext }: ScalingOf<'dynamic'>,
  capacity: number,
): readonly number[] {
  const stretch = (factor * Math.max(capacity, originalContext)) / originalContext - (factor - 1);
  // A single pair turns once a position, whatever the base.
  const grown = dim === 2 ? base : base * stretch ** (dim / (dim - 2));
  return plainFrequencies({ dim, base: grown });
}

function llama3Frequency(
  frequency: number,
  { factor, originalContext, lowFreqFactor, highFreqFactor }: ScalingOf<'llama3'>,
): number {
  const turns = (originalContext * frequency) / (2 * Math.PI);
  if (turns < lowFreqFactor) return frequency / factor;
  if (turns > highFreqFactor) return frequency;
  const kept = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}

/** Peng et al., "YaRN", arXiv 2309.00071. */
function yarnFrequencies(
  { dim, base }: RopeShape,
  plain: readonly number[],
  { factor, originalContext, betaFast, betaSlow, truncate }: ScalingOf<'yarn'>,
): readonly number[] {
  const pairThatTurns = (times: number) =>
    (dim * Math.log(originalContext / (times * 2 * Math.PI))) / (2 * Math.log(base));
  const [first, last] = [pairThatTurns(betaFast), pairThatTurns(betaSlow)];
  const start = Math.max(truncate ? Math.floor(first) : first, 0);
  const end = Math.min(truncate ? Math.ceil(last) : last, dim - 1);
  const length = start === end ? 0.001 : end - start;
  return plain.map((frequency, j) => {
    const divided = Math.min(Math.max((j - start) / length, 0), 1);
    return frequency * (1 - divided) + (frequency / factor) * divided;
  });
}
