import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { AttentionShape, CacheDtype } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { ResolvedHeads } from './heads.ts';
import { kvHeadsNote } from './memory.ts';

type CacheRanges = NonNullable<AttentionShape['cacheRanges']>;

const path = 'attention.cache.ranges';
const headsPath = 'attention.cache.ranges.kv_heads';

/**
 * KV heads whose cache has another dtype than the layer's. Reports KVC002 (a head that there is not), KVC003 (a head in two ranges), SCH004
 * (options that need all heads at once), OPT002 (ranges or a dtype without effect).
 */
export function resolveCacheRanges(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  dtype: CacheDtype,
  report: Report,
): Pick<AttentionShape, 'cacheRanges'> {
  const count = spec.itemsOf(path);
  if (count === 0 || heads === undefined) return {};
  if (!checkPlace(spec, report)) return {};
  const ranges = Array.from({ length: count }, (_, item) => rangeAt(spec, item)).flatMap((range) => range ?? []);
  if (ranges.length < count || !checkHeads(spec, ranges, heads, report)) return {};
  const { kvHeads } = heads.group;
  const effective = ranges.filter((range, item) => {
    if (range.dtype !== dtype) return true;
    const reason = `the cache of other heads is ${dtype} too`;
    report('OPT002', spec.keySpan(`${path}.dtype`, item), { option: `${path}.dtype`, reason });
    return false;
  });
  if (
    spec.isWritten('attention.cache.dtype') &&
    ranges.reduce((sum, range) => sum + range.kvHeads.length, 0) === kvHeads
  ) {
    const reason = `all ${kvHeads} KV heads are in \`ranges\``;
    report('OPT002', spec.keySpan('attention.cache.dtype'), { option: 'attention.cache.dtype', reason });
  }
  return effective.length === 0 ? {} : { cacheRanges: Object.freeze(effective) };
}

function rangeAt(spec: BoundSpec, item: number): CacheRanges[number] | undefined {
  const kvHeads = spec.at(headsPath, item)?.value;
  const dtype = spec.at(`${path}.dtype`, item)?.value;
  if (!Array.isArray(kvHeads) || dtype === undefined) return undefined;
  return Object.freeze({ kvHeads: [...kvHeads].sort((a, b) => a - b), dtype });
}

function checkHeads(spec: BoundSpec, ranges: CacheRanges, heads: ResolvedHeads, report: Report): boolean {
  const { kvHeads } = heads.group;
  const owners = new Map<number, number>();
  let isSound = true;
  for (const [item, range] of ranges.entries()) {
    const span = spec.at(headsPath, item)?.span ?? spec.keySpan(headsPath, item);
    const beyond = range.kvHeads.filter((head) => head >= kvHeads);
    if (beyond.length > 0) report('KVC002', span, { heads: beyond, kvHeads }, [kvHeadsNote(spec, heads)]);
    const [shared] = range.kvHeads.filter((head) => owners.has(head));
    const owner = shared === undefined ? undefined : spec.at(headsPath, owners.get(shared) ?? 0);
    if (shared !== undefined && owner !== undefined)
      report('KVC003', span, { head: shared }, [note(owner.span, 'the first')]);
    isSound &&= beyond.length === 0 && shared === undefined;
    for (const head of range.kvHeads) owners.set(head, item);
  }
  return isSound;
}

/** Options that take all heads at once, each with the reason and the way out. */
const together: readonly (readonly [AnyPath, (spec: BoundSpec) => boolean, string])[] = [
  ['attention.head_mixing', (spec) => isListed(spec, 'attention.head_mixing'), 'mixing needs the scores of all heads'],
  ['attention.hooks', (spec) => isListed(spec, 'attention.hooks.names'), 'a hook returns all heads in one tensor'],
  [
    'attention.inputs',
    (spec) => spec.at('attention.inputs.kind')?.value === 'split_qkv',
    'split inputs have all heads in one tensor',
  ],
  [
    'attention.qk_norm',
    (spec) => spec.at('attention.qk_norm.weight')?.value === 'projection',
    'the norm is over all heads together',
  ],
  [
    'attention.gates.output_glu',
    (spec) => spec.at('attention.gates.output_glu')?.value === true,
    'its gate is made from all heads',
  ],
  [
    'weights.dtype',
    (spec) => ['int8', 'int4'].includes(spec.at('weights.dtype')?.value ?? ''),
    'matrices of integers are not cut by heads',
  ],
  [
    'attention.heads.active',
    (spec) => spec.at('attention.heads.active')?.value === 'runtime',
    'the mask is for all heads',
  ],
];

function isListed(spec: BoundSpec, option: 'attention.head_mixing' | 'attention.hooks.names'): boolean {
  return (spec.at(option)?.value.length ?? 0) > 0;
}

function checkPlace(spec: BoundSpec, report: Report): boolean {
  const refuse = (reason: string, help: string, because?: AnyPath) => {
    const notes = because === undefined ? [] : [note(spec.keySpan(because), 'because of this')];
    report('SCH004', spec.keySpan(path), { option: path, reason, help }, notes);
    return false;
  };
  if (hasGivenHeads(spec))
    return refuse('k and v are given, and nothing is cached', 'write `hidden`, or delete `ranges`');
  const conflict = together.find(([, applies]) => applies(spec));
  if (conflict === undefined) return true;
  const [option, , reason] = conflict;
  return refuse(reason, `delete \`ranges\` or \`${option.split('.').at(-1)}\``, option);
}

/** Values of the first layer go on into later ones with all their heads. */
export function checkRangesOfMixedValues(
  kinds: readonly { readonly spec: BoundSpec; readonly attention: AttentionShape; readonly report: Report }[],
): void {
  const mixing = kinds.find(({ attention }) => attention.valueResidual !== undefined);
  if (mixing === undefined) return;
  for (const { spec, attention, report } of kinds) {
    if (attention.cacheRanges === undefined) continue;
    const notes = [note(mixing.spec.keySpan('attention.value_residual'), 'because of this')];
    const reason = 'values of the first layer are mixed into those of others with all their heads';
    report('SCH004', spec.keySpan(path), { option: path, reason, help: 'delete `ranges` or `value_residual`' }, notes);
  }
}
