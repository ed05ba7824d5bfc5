import type { MlpShape } from '../shaped-spec.ts';

/** A list of matrices as flags. */
export function mlpBiases(names: readonly ('up' | 'gate' | 'down')[]): MlpShape['biases'] {
  return Object.freeze({ up: names.includes('up'), gate: names.includes('gate'), down: names.includes('down') });
}
