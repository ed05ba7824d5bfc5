/** A plot on logarithmic axes, in the colours of light and dark pages. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Series[];
  /** Lines that limit, dashed and without a colour. */
  readonly limits?: readonly Series[];
  readonly dots?: readonly Series[];
}

interface Axis {
  readonly label: string;
  readonly ticks: readonly number[];
  readonly text: (tick: number) => string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const colors = ['#2563eb', '#0d9488', '#d97706', '#db2777', '#7c3aed', '#65a30d', '#dc2626', '#0891b2'];
const colorOf = (index: number) => colors[index % colors.length] ?? '#888';
const [width, height, left, right, bottom] = [760, 420, 90, 200, 50];

/** The SVG, which ends with a line break. Points outside of the ticks are left out. */
export function svgOf({ title, x, y, lines, limits = [], dots = [] }: Plot): string {
  const across = scale(x.ticks, left, width - right);
  const up = scale(y.ticks, height - bottom, 20);
  const at = (points: Series['points']) => points.map(([a, b]) => `${across(a)},${up(b)}`).join(' ');
  const legend = (name: string, index: number) =>
    `<rect x="${width - right + 12}" y="${22 + 18 * index}" width="10" height="10" fill="${colorOf(index)}"/><text x="${width - right + 28}" y="${31 + 18 * index}">${name}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<style>text { fill: #444 } .axis { stroke: #999; stroke-opacity: 0.3 } .limit { stroke: #888; stroke-dasharray: 5 4 } @media (prefers-color-scheme: dark) { text { fill: #ccc } }</style>',
    `<title>${title}</title>`,
    ...x.ticks.map(
      (tick) => `<text x="${across(tick)}" y="${height - 28}" text-anchor="middle">${x.text(tick)}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        `<line class="axis" x1="${left}" x2="${width - right}" y1="${up(tick)}" y2="${up(tick)}"/><text x="${left - 8}" y="${up(tick) + 4}" text-anchor="end">${y.text(tick)}</text>`,
    ),
    `<text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle">${x.label}</text>`,
    `<text x="${left}" y="12">${y.label}</text>`,
    ...limits.flatMap(({ name, points }) => {
      const [end] = points.slice(-1);
      if (end === undefined) return [];
      return [
        `<polyline class="limit" fill="none" points="${at(points)}"/>`,
        `<text x="${across(end[0]) - 4}" y="${up(end[1]) - 5}" text-anchor="end" font-size="11">${name}</text>`,
      ];
    }),
    ...lines.flatMap(({ name, points }, index) => [
      `<polyline fill="none" stroke="${colorOf(index)}" stroke-width="2" points="${at(points)}"/>`,
      legend(name, index),
    ]),
    ...dots.flatMap(({ name, points }, index) => [
      ...points.map(([a, b]) => `<circle cx="${across(a)}" cy="${up(b)}" r="4" fill="${colorOf(index)}"/>`),
      legend(name, index),
    ]),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function scale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const least = Math.min(...ticks);
  const span = Math.log(Math.max(...ticks) / least) || 1;
  return (value) => Math.round((from + ((to - from) * Math.log(value / least)) / span) * 10) / 10;
}

/** Powers of ten around all values. */
export function decades(values: readonly number[]): readonly number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, n) => 10 ** (first + n));
}
