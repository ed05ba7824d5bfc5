/** Hues for KV heads and for kinds of layers, which repeat when there are more. */
const hueCount = 8;

const lightHues = ['#2f6fde', '#d9730d', '#1f8a5b', '#a63fc4', '#c8324f', '#0f8a9d', '#8a6d00', '#5b5bd6'];
const darkHues = ['#79a8ff', '#ffac63', '#5fd39d', '#d796f0', '#ff8fa3', '#5fd0e0', '#dcc05a', '#aaa9ff'];

const hueRules = (hues: readonly string[]): string =>
  hues.map((hue, i) => `.h${i}{stroke:${hue};fill:${hue}}`).join('');

/** Follows the reader's colour scheme, also where the picture is an image of a page. */
export const styleSheet = [
  'text{font:13px system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif;fill:#1f2328}',
  '.title{font-size:20px;font-weight:600}.heading{font-size:15px;font-weight:600}.small{font-size:11px}',
  '.quiet{fill:#59636e}.middle{text-anchor:middle}.page{fill:#fff;stroke:#d1d9e0}.hidden{fill:#eef1f4;stroke:none}',
  '.box{fill-opacity:.16;stroke-width:1.5}.line{stroke-width:1.5;stroke-opacity:.75}.seen{fill-opacity:.85}',
  hueRules(lightHues),
  // After the hues, in either scheme: more particular than they are.
  'path.line{fill:none}rect.seen{stroke:none}',
  `@media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.page{fill:#0d1117;stroke:#3d444d}.hidden{fill:#21262d}${hueRules(darkHues)}}`,
].join('\n');

export const hue = (index: number): string => `h${index % hueCount}`;
