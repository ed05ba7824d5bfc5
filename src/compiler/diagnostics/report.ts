import type { Span } from '../source/source.ts';
import { type ArgsOf, type Code, catalogue } from './catalogue.ts';
import type { Diagnostic, Fix, Note } from './diagnostic.ts';
import type { Entry } from './entry.ts';

/** How a pass tells the user of a finding; it then goes on as if the value were not known. */
export type Report = <C extends Code>(
  code: C,
  span: Span,
  args: ArgsOf<C>,
  notes?: readonly Note[],
  fixes?: readonly Fix[],
) => void;

export interface Collector {
  readonly report: Report;
  /** Frozen, without repetitions, the most fundamental first. */
  readonly diagnostics: () => readonly Diagnostic[];
  readonly hasErrors: () => boolean;
}

export function collectDiagnostics(): Collector {
  const found = new Map<string, Diagnostic>();
  const report: Report = (code, span, args, notes = [], fixes = []) => {
    const diagnostic = instantiate(code, span, args, notes, fixes);
    const key = `${code}:${span.file.path}:${span.start}:${span.end}:${diagnostic.message}`;
    if (!found.has(key)) found.set(key, diagnostic);
  };
  return {
    report,
    diagnostics: () => Object.freeze([...found.values()].sort(byImportance)),
    hasErrors: () => [...found.values()].some(({ severity }) => severity === 'error'),
  };
}

function instantiate<C extends Code>(
  code: C,
  span: Span,
  args: ArgsOf<C>,
  notes: readonly Note[],
  fixes: readonly Fix[],
): Diagnostic {
  // Sound: ArgsOf<C> is what the entry's functions take, but TypeScript does not correlate the two through a union.
  const entry = catalogue[code] as unknown as Entry<ArgsOf<C>>;
  const label = entry.label?.(args);
  const help = entry.help?.(args);
  return Object.freeze({
    code,
    slug: entry.slug,
    severity: entry.severity,
    message: entry.message(args),
    span,
    ...(label === undefined ? {} : { label }),
    ...(help === undefined ? {} : { help }),
    notes: Object.freeze([...notes]),
    fixes: Object.freeze([...fixes]),
  });
}

/** What the text is, then what its keys are, then the numbers that others follow from, then the checkpoint. */
export const families: readonly string[] =
  'SYN INC SCH GQA DIM MOE XAT HOK NRM RES ROPE POS MEM WIN KVC CAP SNK EXP CAU OPT WGT SHD TGT OUT LNT'.split(' ');
const severities = ['error', 'warning', 'info'];

function byImportance(a: Diagnostic, b: Diagnostic): number {
  return (
    severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
    familyRank(a) - familyRank(b) ||
    compareText(a.span.file.path, b.span.file.path) ||
    a.span.start - b.span.start ||
    a.span.end - b.span.end ||
    compareText(a.code, b.code)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function familyRank({ code }: Diagnostic): number {
  return families.indexOf(code.replace(/\d+$/, ''));
}
