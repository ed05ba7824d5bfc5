import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';

/** A path in a spec stays in the folder of the spec: WGT009. */
export function checkWeightsFile(spec: BoundSpec, report: Report): string | undefined {
  const file = spec.at('weights.file');
  if (file === undefined) return undefined;
  if (staysInside(file.value)) return file.value;
  report('WGT009', file.span, { path: file.value.slice(0, 200) });
  return undefined;
}

/** Also refuses what is absolute on Windows. */
export function staysInside(path: string): boolean {
  return !/^[\\/]|^[A-Za-z]:/.test(path) && !path.split(/[\\/]/).includes('..');
}
