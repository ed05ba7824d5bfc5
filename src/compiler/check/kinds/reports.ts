import { type Note, note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { LayerKind } from './layer-kind.ts';

/** What the rules find in each kind of layer, held back until it is known in which kinds it is found. */
export interface KindReports {
  readonly of: (kind: LayerKind) => Report;
  readonly flush: () => void;
}

/** What one kind of layer does not use, another may. */
const ofOptions: ReadonlySet<string> = new Set(['OPT001', 'OPT002']);

interface Finding {
  readonly code: string;
  readonly span: Span;
  readonly kinds: LayerKind[];
  readonly send: (more: readonly Note[]) => void;
}

/**
 * Each finding once; one that not all kinds have says which. An option that has an effect in some layers has one, unless it is
 * written for the others alone.
 */
export function reportsByKind(kinds: readonly LayerKind[], report: Report): KindReports {
  const found = new Map<string, Finding>();
  const holding =
    (kind: LayerKind): Report =>
    (code, span, args, notes = [], fixes = []) => {
      const key = JSON.stringify([code, span.file.path, span.start, span.end, args]);
      const send = (more: readonly Note[]) => report(code, span, args, [...notes, ...more], fixes);
      const finding = found.get(key) ?? { code, span, kinds: [], send };
      found.set(key, finding);
      if (!finding.kinds.includes(kind)) finding.kinds.push(kind);
    };
  const flush = () => {
    for (const { code, span, kinds: having, send } of found.values()) {
      if (having.length === kinds.length) send([]);
      else if (!ofOptions.has(code) || having.some((kind) => isWithin(span, kind))) send(having.flatMap(noteOf));
    }
  };
  return { of: holding, flush };
}

function isWithin({ file, start, end }: Span, { named }: LayerKind): boolean {
  return named !== undefined && named.span.file === file && named.span.start <= start && end <= named.span.end;
}

function noteOf({ named, isModule }: LayerKind): readonly Note[] {
  if (named === undefined) return [];
  return [note(named.keySpan, isModule ? `in attention \`${named.name}\`` : `in layers of kind \`${named.name}\``)];
}
