import type { ArgsOf } from '../diagnostics/catalogue.ts';
import type { Fix } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import type { Span } from '../source/source.ts';
import { deleteEntry } from '../syntax/edits.ts';
import type { AnyPath, BoundSpec } from './bind.ts';

/**
 * The fix that deletes an option where it is written; none when that would leave a map without entries, or when the option is
 * not what stands at `span`.
 */
export function deletionOf(spec: BoundSpec, path: AnyPath, span: Span): readonly Fix[] {
  const map = spec.mapAround(path);
  const key = path.slice(path.lastIndexOf('.') + 1);
  const entry = map?.entries.find((one) => one.key === key);
  const isMeant = [entry?.keySpan, entry?.value.span].some(
    (one) => one?.file === span.file && one.start === span.start,
  );
  if (map === undefined || !isMeant || map.entries.length < 2) return [];
  const edit = deleteEntry(map, key);
  return edit === undefined ? [] : [{ title: `delete \`${key}\``, edits: [edit] }];
}

/** Offers to delete options that have no effect, whatever rule finds it. */
export function withDeletions(spec: BoundSpec, report: Report): Report {
  return (code, span, args, notes = [], fixes = []) => {
    const isIdle = code === 'OPT002' && fixes.length === 0;
    // Sound for OPT002; TypeScript does not narrow the arguments by the code.
    const { option } = args as ArgsOf<'OPT002'>;
    report(code, span, args, notes, isIdle ? deletionOf(spec, option as AnyPath, span) : fixes);
  };
}
