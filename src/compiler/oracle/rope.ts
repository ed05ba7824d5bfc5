import type { Rotation } from '../ir/nodes.ts';

/** Radians per position of pair j, and the factor on cos and sin. */
export interface Turns {
  readonly speeds: readonly number[];
  readonly factor: number;
}

/**
 * Su et al., "RoFormer", 2021: base^(−2j / dim). The scalings follow the functions of transformers' `modeling_rope_utils`,
 * with `length`, the capacity of the cache, for the length of the sequence.
 */
export function turnsOf({ dim, base, scaling }: Pick<Rotation, 'dim' | 'base' | 'scaling'>, length: number): Turns {
  const speeds = speedsOf(dim, base);
  if (scaling === undefined) return { speeds, factor: 1 };
  const pairs = dim / 2;
  switch (scaling.kind) {
    case 'linear':
      return { speeds: speeds.map((speed) => speed / scaling.factor), factor: 1 };
    case 'dynamic': {
      const { factor, originalContext } = scaling;
      if (length <= originalContext || pairs === 1) return { speeds, factor: 1 };
      const growth = ((factor * length) / originalContext - factor + 1) ** (dim / (dim - 2));
      return { speeds: speedsOf(dim, base * growth), factor: 1 };
    }
    case 'llama3': {
      const { factor, originalContext, lowFreqFactor: low, highFreqFactor: high } = scaling;
      const scaled = speeds.map((speed) => {
        const wavelength = (2 * Math.PI) / speed;
        if (wavelength > originalContext / low) return speed / factor;
        if (wavelength < originalContext / high) return speed;
        const smooth = (originalContext / wavelength - low) / (high - low);
        return ((1 - smooth) * speed) / factor + smooth * speed;
      });
      return { speeds: scaled, factor: 1 };
    }
    case 'yarn': {
      const { factor, originalContext, betaFast, betaSlow, truncate } = scaling;
      const correction = (rotations: number) =>
        (dim * Math.log(originalContext / (rotations * 2 * Math.PI))) / (2 * Math.log(base));
      let low = correction(betaFast);
      let high = correction(betaSlow);
      if (truncate) [low, high] = [Math.floor(low), Math.ceil(high)];
      low = Math.max(low, 0);
      high = Math.min(high, dim - 1);
      if (low === high) high += 0.001;
      const interpolated = speeds.map((speed, j) => {
        const ramp = Math.max(0, Math.min(1, (j - low) / (high - low)));
        return (speed / factor) * ramp + speed * (1 - ramp);
      });
      return { speeds: interpolated, factor: scaling.attentionFactor };
    }
    case 'longrope': {
      const divisors = length > scaling.originalContext ? scaling.longFactors : scaling.shortFactors;
      return { speeds: speeds.map((speed, j) => speed / (divisors[j] ?? 1)), factor: scaling.attentionFactor };
    }
  }
}

function speedsOf(dim: number, base: number): readonly number[] {
  return Array.from({ length: dim / 2 }, (_, j) => base ** ((-2 * j) / dim));
}
