import { type Fix, note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { insertEntry } from '../../syntax/edits.ts';
import type { BoundSpec } from '../bind.ts';
import { deletionOf } from '../deletions.ts';
import type { MaskShape } from '../shaped-spec.ts';

/** Reports MEM005 (memory under a window), WIN002, SCH004 (output biases on hidden rows, a prefix of documents), OPT002. */
export function resolveMask(spec: BoundSpec, report: Report): MaskShape | undefined {
  const causal = spec.at('attention.mask.causal')?.value;
  const padding = spec.at('attention.mask.padding')?.value;
  const documents = spec.at('attention.mask.documents')?.value;
  const window = spec.at('attention.mask.window');
  const chunk = spec.at('attention.mask.chunk');
  const prefix = spec.at('attention.mask.prefix');
  reportVisibility(spec, report);
  reportWideWindow(spec, report);
  reportHiddenRows(spec, report);
  reportChunk(spec, report);
  reportPrefix(spec, report);
  if (causal === undefined || padding === undefined || documents === undefined) return undefined;
  return Object.freeze({
    causal,
    ...(window === undefined ? {} : { window: window.value }),
    ...(chunk === undefined ? {} : { chunk: chunk.value }),
    ...(prefix === undefined ? {} : { prefix: prefix.value }),
    documents,
    memoryVisible: spec.at('attention.mask.memory')?.value ?? 'always',
    padding,
  });
}

function reportVisibility(spec: BoundSpec, report: Report): void {
  const written = spec.at('attention.mask.memory');
  const window = spec.at('attention.mask.window') !== undefined;
  const memory = spec.isWritten('attention.memory_kv');
  const zero = spec.at('attention.zero_kv')?.value === true;
  if (spec.isInvalid('attention.mask.memory')) return;
  if (written !== undefined) {
    const place = spec.keySpan('attention.mask.memory');
    const lacking = window ? '`memory_kv` or `zero_kv`' : '`mask.window`';
    const maybeMeant = (['attention.mask.window', 'attention.memory_kv', 'attention.zero_kv'] as const).some((path) =>
      spec.isInvalid(path),
    );
    if ((window && (memory || zero)) || maybeMeant) return;
    report('OPT002', place, { option: 'attention.mask.memory', reason: `there is no ${lacking}` });
    return;
  }
  if (!window || !(memory || zero)) return;
  const which = memory ? 'attention.memory_kv' : 'attention.zero_kv';
  const notes = [note(spec.keySpan(which), 'columns without a position')];
  report('MEM005', spec.keySpan('attention.mask.window'), {}, notes, visibilityFixes(spec));
}

function visibilityFixes(spec: BoundSpec): readonly Fix[] {
  const map = spec.mapAround('attention.mask.memory');
  if (map === undefined) return [];
  return ['always', 'windowed'].map((value) => ({
    title: `write \`memory: ${value}\``,
    edits: [insertEntry(map, `memory: ${value}`)],
  }));
}

function reportWideWindow(spec: BoundSpec, report: Report): void {
  const window = spec.at('attention.mask.window');
  const context = spec.at('model.context');
  if (window === undefined || context === undefined || window.value < context.value) return;
  const notes = [note(context.span, `context ${context.value}`)];
  const fixes = deletionOf(spec, 'attention.mask.window', window.span);
  report('WIN002', window.span, { window: window.value, context: context.value }, notes, fixes);
}

function reportHiddenRows(spec: BoundSpec, report: Report): void {
  const padding = spec.at('attention.mask.padding');
  const biases = spec.at('attention.biases');
  if (padding?.value !== 'keys_and_queries' || biases?.value.includes('o') !== true) return;
  const reason = 'rows of hidden tokens are zero, and the output projection has a bias';
  const help = 'write `padding: keys`, or delete `o` from `biases`';
  const notes = [note(biases.span, 'a bias on `o`')];
  report('SCH004', padding.span, { option: 'attention.mask.padding: keys_and_queries', reason, help }, notes);
}

/** A chunk that no sequence outgrows, and a window that reaches over every chunk, hide nothing. */
function reportChunk(spec: BoundSpec, report: Report): void {
  const chunk = spec.at('attention.mask.chunk');
  const context = spec.at('model.context');
  const window = spec.at('attention.mask.window');
  if (chunk === undefined) return;
  if (context !== undefined && chunk.value >= context.value) {
    const reason = `the first chunk is as long as the context of ${context.value}`;
    report('OPT002', chunk.span, { option: 'attention.mask.chunk', reason });
  }
  if (window !== undefined && window.value >= chunk.value) {
    const reason = `no chunk of ${chunk.value} is longer than it`;
    report('OPT002', window.span, { option: 'attention.mask.window', reason });
  }
}

function reportPrefix(spec: BoundSpec, report: Report): void {
  const prefix = spec.keySpan('attention.mask.prefix');
  if (!spec.isWritten('attention.mask.prefix') || spec.isInvalid('attention.mask.prefix')) return;
  if (spec.at('attention.mask.documents')?.value === true) {
    const reason = 'the documents of a packed sequence would share the first one’s keys';
    const notes = [note(spec.keySpan('attention.mask.documents'), 'more than one document')];
    const help = 'delete `prefix` or `documents`';
    report('SCH004', prefix, { option: 'attention.mask.prefix', reason, help }, notes);
    return;
  }
  const hiding = ['attention.mask.causal', 'attention.mask.window', 'attention.mask.chunk'] as const;
  const isHiding = hiding.some((path) => spec.isInvalid(path) || (spec.at(path)?.value ?? false) !== false);
  if (isHiding || spec.isWritten('attention.cross')) return;
  const reason = 'no `causal`, `window` or `chunk` hides a key from any query';
  report('OPT002', prefix, { option: 'attention.mask.prefix', reason });
}
