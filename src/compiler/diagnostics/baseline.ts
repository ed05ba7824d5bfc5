import type { Diagnostic } from './diagnostic.ts';

/** Findings that were there when a linter was introduced, and do not fail. */
export interface Baseline {
  readonly schemaVersion: 1;
  readonly findings: readonly BaselineFinding[];
}

/** Lines are left out on purpose: a finding stays known when the text above it grows. */
export interface BaselineFinding {
  readonly code: string;
  /** Relative to the folder of the baseline, with `/`. */
  readonly file: string;
  readonly hash: string;
  readonly count: number;
  /** For people; not compared. */
  readonly message: string;
}

/** `fileOf`: how the baseline names the file of a diagnostic. */
export function baselineOf(diagnostics: readonly Diagnostic[], fileOf: (path: string) => string): Baseline {
  const findings = new Map<string, BaselineFinding>();
  for (const diagnostic of diagnostics) {
    const { code, message, span } = diagnostic;
    const finding = { code, file: fileOf(span.file.path), hash: hashOf(message), count: 1, message };
    const key = keyOf(finding);
    findings.set(key, { ...finding, count: (findings.get(key)?.count ?? 0) + 1 });
  }
  const ordered = [...findings].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding);
  return { schemaVersion: 1, findings: ordered };
}

export interface BaselineComparison {
  /** Each stands for one finding of the baseline. */
  readonly known: readonly Diagnostic[];
  readonly fresh: readonly Diagnostic[];
  /** How many findings of the baseline are no longer found. */
  readonly gone: number;
}

export function compareWithBaseline(
  diagnostics: readonly Diagnostic[],
  { findings }: Baseline,
  fileOf: (path: string) => string,
): BaselineComparison {
  const left = new Map(findings.map((finding) => [keyOf(finding), finding.count]));
  const known: Diagnostic[] = [];
  const fresh: Diagnostic[] = [];
  for (const diagnostic of diagnostics) {
    const { code, message, span } = diagnostic;
    const key = keyOf({ code, file: fileOf(span.file.path), hash: hashOf(message) });
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    (count > 0 ? known : fresh).push(diagnostic);
  }
  return { known, fresh, gone: [...left.values()].reduce((sum, count) => sum + count, 0) };
}

/** Undefined when the text is not a baseline of this version. */
export function parseBaseline(text: string): Baseline | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.schemaVersion !== 1 || !Array.isArray(value.findings)) return undefined;
  const findings: readonly unknown[] = value.findings;
  return findings.every(isFinding) ? { schemaVersion: 1, findings } : undefined;
}

function isFinding(value: unknown): value is BaselineFinding {
  if (!isRecord(value)) return false;
  const isCount = Number.isSafeInteger(value.count) && Number(value.count) > 0;
  return isCount && [value.code, value.file, value.hash, value.message].every((one) => typeof one === 'string');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function keyOf({ file, code, hash }: Pick<BaselineFinding, 'file' | 'code' | 'hash'>): string {
  return JSON.stringify([file, code, hash]);
}

/** FNV-1a over UTF-16 units, 64 bits as 16 hexadecimal digits: the compiler also runs where there is no synchronous SHA. */
export function hashOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let index = 0; index < text.length; index += 1) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(index))) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}
