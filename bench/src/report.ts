import type { Measurement } from './attention.ts';
import type { Exactness } from './exactness.ts';
import type { ModelMeasurement } from './model.ts';
import type { PeerTiming } from './onnxruntime.ts';
import type { AttentionCase } from './reference.ts';

/** What a run leaves in `attention.json`. */
export interface BenchResult {
  readonly device: string;
  readonly driver: string;
  readonly date: string;
  readonly measurements: readonly Measurement[];
  readonly exactness?: readonly Exactness[];
  readonly peers?: readonly PeerTiming[];
  readonly models?: readonly ModelMeasurement[];
}

/** Rows of a Markdown table: what ran, how long it took, what that is of the work, and how exact it was. */
export function tableOf(measurements: readonly Measurement[]): string {
  const header = ['case', 'profile', 'kernels', 'time', 'spread', 'floor', 'TFLOP/s', 'TB/s', 'worst row'];
  const rows = measurements.map(({ case: one, profile, kernels, timing, floor, flops, bytes, errors }) => [
    one.name,
    profile,
    kernels.join(' + '),
    milliseconds(timing.median),
    `${milliseconds(timing.least)}–${milliseconds(timing.most)}`,
    floor === undefined ? '' : `${milliseconds(floor)} (${Math.round((100 * floor) / timing.median)} %)`,
    (flops / timing.median / 1e9).toFixed(1),
    (bytes / timing.median / 1e9).toFixed(2),
    errors.worstRow.toExponential(1),
  ]);
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Three digits. */
export const milliseconds = (value: number): string =>
  value < 1 ? `${Number((value * 1e3).toPrecision(3))} µs` : `${Number(value.toPrecision(3))} ms`;

/** The kernels' own limit: no row may be further off than this, by profile. */
export function worstRowAllowed({ activations, compute }: AttentionCase, profile: string): number {
  if (profile === 'matrix') return compute === 'f16' ? 5e-3 : 1e-3;
  if (profile !== 'baseline') return 5e-3;
  // What is stored as f16 is rounded by 2^-11 at most.
  return activations === 'f16' ? 5e-4 : 1e-4;
}
