import type { Quantization } from '../check/shaped-spec.ts';

const integers = { int8: 8, int4: 4 } as const;

/** What is read of values that are stored as integers in groups; see `Quantization`. */
export function quantizedValues(values: Float64Array, { dtype, group }: Quantization): Float64Array {
  const half = 2 ** (integers[dtype] - 1);
  const read = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += group) {
    const members = values.subarray(start, start + group);
    const largest = members.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
    const scale = towardsZero(largest / -half);
    if (scale !== 0)
      read.set(
        members.map((x) => scale * nearestInteger(x / scale, half)),
        start,
      );
  }
  return read;
}

const nearestInteger = (x: number, half: number) => Math.min(half - 1, Math.max(-half, Math.floor(x + 0.5)));

/** The f16 of largest magnitude that is not beyond x: multiples of 2^-24, or of a 1024th of the power of two below x. */
function towardsZero(x: number): number {
  const quantum = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10));
  return Math.trunc(x / quantum) * quantum;
}
