import type { Measurement } from './attention.ts';

/** Rows of a Markdown table: what ran, how long it took, what that is of the work, and how exact it was. */
export function tableOf(measurements: readonly Measurement[]): string {
  const header = ['case', 'profile', 'kernels', 'time', 'spread', 'TFLOP/s', 'TB/s', 'worst row'];
  const rows = measurements.map(({ case: one, profile, kernels, timing, flops, bytes, errors }) => [
    one.name,
    profile,
    kernels.join(' + '),
    milliseconds(timing.median),
    `${milliseconds(timing.least)}–${milliseconds(timing.most)}`,
    (flops / timing.median / 1e9).toFixed(1),
    (bytes / timing.median / 1e9).toFixed(2),
    errors.worstRow.toExponential(1),
  ]);
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const milliseconds = (value: number) => (value < 1 ? `${(value * 1e3).toFixed(1)} µs` : `${value.toFixed(2)} ms`);

/** The kernels' own limit: no row may be further off than this, by profile. */
export const worstRowAllowed = (profile: string): number => (profile === 'matrix' ? 1e-3 : 1e-4);

/** Time against length on logarithmic axes, one line for each profile and kind of call. */
export function scalingPlot(measurements: readonly Measurement[], device: string): string {
  const lines = new Map<string, Measurement[]>();
  for (const measurement of measurements) {
    const name = `${measurement.case.tokens === 1 ? 'decode' : 'prefill'}, ${measurement.profile}`;
    lines.set(name, [...(lines.get(name) ?? []), measurement]);
  }
  const colors = ['#2563eb', '#0d9488', '#d97706', '#db2777', '#7c3aed', '#65a30d'];
  const [width, height, left, bottom] = [640, 400, 90, 50];
  const keys = measurements.map(({ case: one }) => one.keys);
  const times = measurements.map(({ timing }) => timing.median * 1e3);
  const x = scale(Math.min(...keys), Math.max(...keys), left, width - 150);
  const y = scale(
    10 ** Math.floor(Math.log10(Math.min(...times))),
    10 ** Math.ceil(Math.log10(Math.max(...times))),
    height - bottom,
    20,
  );
  const ticks = [...new Set(keys)].sort((a, b) => a - b);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<style>text { fill: #444 } .axis { stroke: #999 } @media (prefers-color-scheme: dark) { text { fill: #ccc } }</style>',
    `<title>Time of attention against keys, ${device}</title>`,
    ...ticks.map(
      (key) => `<text x="${x(key)}" y="${height - 28}" text-anchor="middle">${key.toLocaleString('en')}</text>`,
    ),
    ...decades(times).map(
      (time) =>
        `<line class="axis" x1="${left}" x2="${width - 150}" y1="${y(time)}" y2="${y(time)}" stroke-opacity="0.3"/><text x="${left - 8}" y="${y(time) + 4}" text-anchor="end">${time.toLocaleString('en')} µs</text>`,
    ),
    `<text x="${(left + width - 150) / 2}" y="${height - 8}" text-anchor="middle">keys</text>`,
    ...[...lines].flatMap(([name, points], index) => {
      const sorted = [...points].sort((a, b) => a.case.keys - b.case.keys);
      const color = colors[index % colors.length] ?? '#888';
      const path = sorted.map(({ case: one, timing }) => `${x(one.keys)},${y(timing.median * 1e3)}`).join(' ');
      return [
        `<polyline fill="none" stroke="${color}" stroke-width="2" points="${path}"/>`,
        `<rect x="${width - 140}" y="${22 + 20 * index}" width="10" height="10" fill="${color}"/><text x="${width - 124}" y="${31 + 20 * index}">${name}</text>`,
      ];
    }),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function scale(least: number, most: number, from: number, to: number) {
  const span = Math.log(most / least) || 1;
  return (value: number) => Math.round((from + ((to - from) * Math.log(value / least)) / span) * 10) / 10;
}

function decades(values: readonly number[]): readonly number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.ceil(Math.log10(Math.max(...values)));
  return Array.from({ length: last - first + 1 }, (_, n) => 10 ** (first + n));
}
