import { deviceNamed, devices } from '../../src/compiler/facts/devices.ts';
import type { Measurement } from './attention.ts';
import { decades, type Series, svgOf } from './plot.ts';

const counted = (value: number) => value.toLocaleString('en');
const callOf = ({ case: { tokens } }: Measurement) => (tokens === 1 ? 'decode' : 'prefill');

/** Time against length, a line for each profile and kind of call. */
export function timePlot(measurements: readonly Measurement[], device: string): string {
  const lines = grouped(
    measurements,
    (one) => `${callOf(one)}, ${one.profile}`,
    byLength(({ timing }) => timing.median * 1e3),
  );
  return lengthPlot(`Time of attention against keys, ${device}`, 'time', 'µs', lines);
}

/** Memory against length: what one call keeps on the device, a line for each profile and kind of call. */
export function memoryPlot(measurements: readonly Measurement[], device: string): string {
  const lines = grouped(
    measurements,
    (one) => `${callOf(one)}, ${one.profile}`,
    byLength(({ memory }) => memory / 1e6),
  );
  return lengthPlot(`Memory of attention against keys, ${device}`, 'memory of a call', 'MB', lines);
}

/** Operations a second against operations a byte: what the device's memory and units allow, and what each kernel reaches. */
export function rooflinePlot(measurements: readonly Measurement[], device: string): string {
  const ceilings = deviceNamed(device) ?? devices.h100;
  const dots = grouped(
    measurements,
    (one) => `${callOf(one)}, ${one.profile}`,
    ({ flops, bytes, timing }) => [flops / bytes, flops / timing.median / 1e9],
  );
  const points = dots.flatMap((series) => series.points);
  const intensities = decades(points.map(([x]) => x));
  const [least = 1] = intensities;
  const most = intensities.at(-1) ?? 1;
  const roofs = (['matrix', 'f16', 'f32'] as const).map((arithmetic): Series => {
    const rate = ceilings.rates[arithmetic];
    const ridge = rate / ceilings.bandwidth;
    const roof = (x: number): readonly [number, number] => [x, Math.min(rate, x * ceilings.bandwidth) / 1e12];
    return { name: `${arithmetic}, ${counted(rate / 1e12)} TFLOP/s`, points: [least, ridge, most].map(roof) };
  });
  const rates = decades([...points.map(([, y]) => y), ceilings.rates.matrix / 1e12]);
  return svgOf({
    title: `Roofline of attention kernels, ${device}`,
    x: {
      label: `operations for each byte that must be moved; the slope is ${ceilings.bandwidth / 1e12} TB/s`,
      ticks: intensities,
      text: counted,
    },
    y: { label: 'TFLOP/s', ticks: rates, text: counted },
    lines: [],
    limits: roofs,
    dots,
  });
}

function lengthPlot(title: string, label: string, unit: string, lines: readonly Series[]): string {
  const points = lines.flatMap((series) => series.points);
  const lengths = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const ticks = decades(points.map(([, y]) => y));
  return svgOf({
    title,
    x: { label: 'keys', ticks: lengths, text: counted },
    y: { label, ticks, text: (tick) => `${counted(tick)} ${unit}` },
    lines: lines.map(({ name, points: own }) => ({ name, points: [...own].sort(([a], [b]) => a - b) })),
  });
}

const byLength = (value: (one: Measurement) => number) => (one: Measurement) => [one.case.keys, value(one)] as const;

function grouped(
  measurements: readonly Measurement[],
  nameOf: (one: Measurement) => string,
  pointOf: (one: Measurement) => readonly [number, number],
): readonly Series[] {
  const series = new Map<string, (readonly [number, number])[]>();
  for (const one of measurements) series.set(nameOf(one), [...(series.get(nameOf(one)) ?? []), pointOf(one)]);
  return [...series].map(([name, points]) => ({ name, points }));
}
