import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { deleteEntry } from '../../syntax/edits.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { AttentionShape, CacheDtype, CacheLayout } from '../shaped-spec.ts';
import { resolveCacheRanges } from './cache-ranges.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { ResolvedHeads } from './heads.ts';
import { kvHeadsNote } from './memory.ts';

export type ResolvedCache = Pick<AttentionShape, 'cacheDtype' | 'cacheRanges' | 'cacheLayout'>;

/** Reports KVC001 (head count), KVC002 and KVC003 (ranges), WIN003 (a ring that is too small), SCH002 (page size), SCH004 (no ring, pages or int8 here), OPT002. */
export function resolveCache(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): ResolvedCache | undefined {
  const cacheDtype = spec.at('attention.cache.dtype')?.value;
  const kind = spec.at('attention.cache.kind')?.value;
  reportHeads(spec, heads, report);
  if (kind === undefined) return undefined;
  reportUnused(spec, kind, report);
  const cacheLayout = reportPlace(spec, kind, report) ? layoutOf(spec, kind, report) : undefined;
  if (cacheDtype === undefined || !reportDtype(spec, cacheDtype, report)) return undefined;
  const ranges = resolveCacheRanges(spec, heads, cacheDtype, report);
  return Object.freeze({ cacheDtype, ...ranges, ...(cacheLayout === undefined ? {} : { cacheLayout }) });
}

/** Only what the module itself writes has scales. */
function reportDtype(spec: BoundSpec, dtype: CacheDtype, report: Report): boolean {
  if (dtype !== 'int8' || !hasGivenHeads(spec)) return true;
  report('SCH004', spec.keySpan('attention.cache.dtype'), {
    option: 'attention.cache.dtype: int8',
    reason: 'k and v are given, without the scales that rows of int8 have',
    help: 'use `f16`, or write `hidden`',
  });
  return false;
}

type Kind = 'dense' | 'ring' | 'paged';

function layoutOf(spec: BoundSpec, kind: Kind, report: Report): CacheLayout | undefined {
  if (kind === 'ring') return ringOf(spec, report);
  return kind === 'paged' ? pagesOf(spec, report) : undefined;
}

function reportHeads(spec: BoundSpec, heads: ResolvedHeads | undefined, report: Report): void {
  const written = spec.at('attention.cache.heads');
  const map = spec.mapAround('attention.cache.heads');
  if (written === undefined || heads === undefined || written.value === heads.group.kvHeads) return;
  const deletion = map === undefined ? undefined : deleteEntry(map, 'heads');
  const fixes = deletion === undefined ? [] : [{ title: 'delete `heads`', edits: [deletion] }];
  const args = { heads: written.value, kvHeads: heads.group.kvHeads };
  report('KVC001', written.span, args, [kvHeadsNote(spec, heads)], fixes);
}

const settings: readonly (readonly [AnyPath, Kind])[] = [
  ['attention.cache.capacity', 'ring'],
  ['attention.cache.prefill_chunk', 'ring'],
  ['attention.cache.page_size', 'paged'],
];

function reportUnused(spec: BoundSpec, kind: Kind, report: Report): void {
  for (const [option, of] of settings) {
    if (kind === of || !spec.isWritten(option)) continue;
    report('OPT002', spec.keySpan(option), {
      option,
      reason: `the cache is not ${of === 'ring' ? 'a ring' : 'paged'}`,
    });
  }
}

/** Whether a cache of this kind has a place in the spec. */
function reportPlace(spec: BoundSpec, kind: Kind, report: Report): boolean {
  if (kind === 'dense') return false;
  const refuse = (reason: string, help: string, because?: AnyPath): boolean => {
    const notes = because === undefined ? [] : [note(spec.keySpan(because), 'because of this')];
    report(
      'SCH004',
      spec.keySpan('attention.cache.kind'),
      { option: `attention.cache.kind: ${kind}`, reason, help },
      notes,
    );
    return false;
  };
  if (hasGivenHeads(spec))
    return refuse('k and v are given, and nothing is cached', 'write `hidden`, or delete `kind`');
  if (spec.isWritten('attention.cross'))
    return refuse('each call brings a whole context', 'delete `kind`', 'attention.cross');
  if (kind === 'paged') return true;
  if (spec.isWritten('model') && spec.at('attention.mask.causal')?.value === false)
    return refuse('a model that is not causal runs each text at once', 'use `dense`, or write `causal: true`');
  if (spec.isWritten('attention.mask.prefix'))
    return refuse('it forgets the prefix, which all queries see', 'use `paged` or `dense`', 'attention.mask.prefix');
  const masks = ['attention.mask.window', 'attention.mask.chunk'] as const;
  if (masks.some((path) => spec.isWritten(path) || spec.isInvalid(path))) return true;
  return refuse(
    'without a `window` or `chunk` every key may be seen again',
    'use `paged` or `dense`, or write a `window`',
  );
}

/** Keys that a query may see, its own included: positions of the window or, if that is shorter, of the chunk. */
function reachOf(spec: BoundSpec): { readonly keys: number; readonly path: AnyPath } | undefined {
  const window = spec.at('attention.mask.window')?.value;
  const chunk = spec.at('attention.mask.chunk')?.value;
  if (window === undefined && chunk === undefined) return undefined;
  const [w, c] = [window ?? Number.POSITIVE_INFINITY, chunk ?? Number.POSITIVE_INFINITY];
  return w <= c ? { keys: w, path: 'attention.mask.window' } : { keys: c, path: 'attention.mask.chunk' };
}

function ringOf(spec: BoundSpec, report: Report): CacheLayout | undefined {
  const reach = reachOf(spec);
  if (reach === undefined || spec.isInvalid('attention.cache.capacity')) return undefined;
  const capacity = spec.at('attention.cache.capacity');
  const call = spec.at('attention.cache.prefill_chunk');
  const context = spec.at('model.context')?.value ?? Number.POSITIVE_INFINITY;
  const room = capacity === undefined ? Math.min(256, context) : capacity.value - reach.keys + 1;
  const longestCall = call?.value ?? Math.max(1, room);
  const needed = reach.keys + longestCall - 1;
  const rows = capacity?.value ?? needed;
  if (capacity !== undefined && rows < needed) {
    const notes = [
      note(spec.keySpan(reach.path), `a query sees ${reach.keys} keys`),
      ...(call === undefined ? [] : [note(call.span, `after ${longestCall} new ones, the first still sees its own`)]),
    ];
    const fixes = [{ title: `use ${needed}`, edits: [{ span: capacity.span, text: String(needed) }] }];
    report('WIN003', capacity.span, { rows, reach: reach.keys, longestCall, needed }, notes, fixes);
    return undefined;
  }
  return Object.freeze({ kind: 'ring', rows, longestCall });
}

function pagesOf(spec: BoundSpec, report: Report): CacheLayout | undefined {
  const pageSize = spec.at('attention.cache.page_size');
  if (pageSize === undefined) return undefined;
  if (Number.isInteger(Math.log2(pageSize.value))) return Object.freeze({ kind: 'paged', pageSize: pageSize.value });
  const nearest = 2 ** Math.round(Math.log2(pageSize.value));
  const fixes = [{ title: `use ${nearest}`, edits: [{ span: pageSize.span, text: String(nearest) }] }];
  const args = { option: 'attention.cache.page_size', expected: 'a power of two' };
  report('SCH002', pageSize.span, args, [], fixes);
  return undefined;
}

/** All paged layers share one table of pages. */
export function checkPageSizes(
  kinds: readonly { readonly spec: BoundSpec; readonly layout: CacheLayout | undefined; readonly report: Report }[],
): void {
  const paged = kinds.flatMap((kind) =>
    kind.layout?.kind === 'paged' ? [{ ...kind, size: kind.layout.pageSize }] : [],
  );
  const [first] = paged;
  for (const { spec, size, report } of paged) {
    if (first === undefined || size === first.size) continue;
    const option = 'attention.cache.page_size';
    const reason = `pages of other layers have ${first.size} positions, and all share one table`;
    report('SCH004', spec.keySpan(option), { option, reason, help: 'use one page size' });
  }
}
