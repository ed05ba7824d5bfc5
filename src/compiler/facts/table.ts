import { columns } from './columns.ts';
import { factsJson, flatFacts } from './json.ts';
import type { ModelFacts } from './model-facts.ts';

export const tableFormats = ['markdown', 'csv', 'json', 'html'] as const;
export type TableFormat = (typeof tableFormats)[number];

/** A table with one row a model, in their order; ends with a line break. */
export function renderTable(models: readonly ModelFacts[], format: TableFormat): string {
  switch (format) {
    case 'markdown':
      return markdown(models);
    case 'csv':
      return csv(models);
    case 'json':
      return `${JSON.stringify(models.map(factsJson), null, 2)}\n`;
    case 'html':
      return html(models);
  }
}

function markdown(models: readonly ModelFacts[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  const rules = columns.map(({ align }) => (align === 'right' ? '---:' : '---'));
  const rows = models.map((facts) => row(columns.map(({ text }) => text(facts))));
  return [row(columns.map(({ title }) => title)), row(rules), ...rows].join('');
}

/** RFC 4180, with the names of the JSON as the first line. */
function csv(models: readonly ModelFacts[]): string {
  const rows = models.map(flatFacts);
  const names = [...(rows[0]?.keys() ?? ['name'])];
  const line = (cells: readonly unknown[]) => `${cells.map(csvCell).join(',')}\r\n`;
  return [line(names), ...rows.map((row) => line(names.map((name) => row.get(name) ?? '')))].join('');
}

function csvCell(value: unknown): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function html(models: readonly ModelFacts[]): string {
  const cells = (tag: 'th' | 'td', texts: readonly string[]) =>
    texts
      .map((text, i) => `<${tag}${columns[i]?.align === 'right' ? ' class="n"' : ''}>${escapeHtml(text)}</${tag}>`)
      .join('');
  const titles = columns.map(({ title }) => title);
  const rows = models.map((facts) => {
    const texts = columns.map(({ text }) => text(facts));
    return `<tr>${cells('td', texts)}</tr>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Attention models</title>
<style>
:root { color-scheme: light dark }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem }
table { border-collapse: collapse }
th, td { padding: .3rem .6rem; text-align: left; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
th { position: sticky; top: 0; background: Canvas }
.n { text-align: right; font-variant-numeric: tabular-nums }
</style>
<table>
<thead><tr>${cells('th', titles)}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
