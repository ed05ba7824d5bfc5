import { optionAt } from '../../../../grammar/options.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import { entryOf, nodeAt, type SpecEntry, type SpecMap, type SpecScalar, type SpecTree } from '../../syntax/tree.ts';
import { type BoundSpec, bind } from '../bind.ts';
import { blocksOf, withBlocks } from '../expand.ts';
import { mergeMaps } from '../merge.ts';
import { checkSchema } from '../schema.ts';
import { suggest } from '../suggest.ts';
import { attentionKinds } from './attention-kinds.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * The kinds that have layers, in the order of `layers.kinds`; one kind without a name for a spec whose layers are alike; none
 * when it is not known which layer is of which kind. Reports SCH002 (no such kind), SCH004 (no model), OPT002 (unused kind), and
 * what the schema finds in a kind.
 */
export function layerKinds(tree: SpecTree, spec: BoundSpec, report: Report): readonly LayerKind[] {
  if (spec.isWritten('attentions')) return attentionKinds(tree, spec, report);
  const count = spec.isWritten('model') ? spec.at('model.layers')?.value : 1;
  const layers = Array.from({ length: count ?? 1 }, (_, layer) => layer);
  const alike: readonly LayerKind[] = Object.freeze([Object.freeze({ spec, layers: Object.freeze(layers) })]);
  if (!spec.isWritten('layers')) return alike;
  if (!spec.isWritten('model')) {
    if (spec.isInvalid('model')) return [];
    const help = 'add `model`, or delete `layers`';
    report('SCH004', spec.keySpan('layers'), { option: 'layers', reason: 'there is no `model` with layers', help });
    return alike;
  }
  const entries = kindsIn(tree);
  const bounds = bindKinds(tree, entries, report);
  const pattern = patternOf(tree);
  if (spec.isInvalid('layers.kinds') || spec.isInvalid('layers.pattern') || pattern.length === 0) return [];
  const names = entries.map(({ key }) => key);
  const unknown = pattern.filter(({ value }) => !names.includes(String(value)));
  for (const { value, span } of unknown) reportUnknown(String(value), span, names, report);
  // A kind that is no map has been reported.
  if (unknown.length > 0 || bounds.length < entries.length) return [];
  const kinds = bounds.map(({ entry, bound }): LayerKind => {
    const own = layers.filter((layer) => pattern[layer % pattern.length]?.value === entry.key);
    const named = { name: entry.key, keySpan: entry.keySpan, span: entry.value.span };
    return Object.freeze({ named: Object.freeze(named), spec: bound, layers: Object.freeze(own) });
  });
  if (count !== undefined) for (const kind of kinds) reportUnused(kind, pattern, count, report);
  return Object.freeze(kinds.filter((kind) => kind.layers.length > 0));
}

function kindsIn(tree: SpecTree): readonly SpecEntry[] {
  const kinds = nodeAt(tree, ['layers', 'kinds']);
  return kinds?.kind === 'map' ? kinds.entries : [];
}

interface BoundKind {
  readonly entry: SpecEntry;
  readonly bound: BoundSpec;
}

function bindKinds(tree: SpecTree, entries: readonly SpecEntry[], report: Report): readonly BoundKind[] {
  return entries.flatMap((entry) =>
    entry.value.kind === 'map'
      ? [{ entry, bound: bind(checkSchema(withChanges(tree, entry.value, report), report)) }]
      : [],
  );
}

/** Only `attention` and `mlp` belong to layers; the schema has reported anything else. */
function withChanges(tree: SpecTree, own: SpecMap, report: Report): SpecTree {
  const kind = withBlocks(own, blocksOf(tree), report);
  const entries = ['attention', 'mlp'].flatMap((key) => {
    const change = entryOf(kind, key);
    return change?.value.kind === 'map' ? [change] : [];
  });
  return mergeMaps(optionAt([]), tree, { ...kind, entries });
}

function patternOf(tree: SpecTree): readonly SpecScalar[] {
  const pattern = nodeAt(tree, ['layers', 'pattern']);
  return pattern?.kind === 'list' ? pattern.items.filter((item) => item.kind === 'scalar') : [];
}

function reportUnknown(name: string, span: Span, names: readonly string[], report: Report): void {
  const suggestion = suggest(name, names);
  const expected = names.map((one) => `\`${one}\``).join(', ');
  // Other names may need quotes.
  const isPlain = suggestion !== undefined && /^[A-Za-z]\w*$/.test(suggestion);
  const fixes = isPlain ? [{ title: `use \`${suggestion}\``, edits: [{ span, text: suggestion }] }] : [];
  report('SCH002', span, { option: 'layers.pattern', expected, suggestion }, [], fixes);
}

function reportUnused(
  { named, layers }: LayerKind,
  pattern: readonly SpecScalar[],
  count: number,
  report: Report,
): void {
  if (named === undefined || layers.length > 0) return;
  const isNamed = pattern.some(({ value }) => value === named.name);
  const reason = isNamed ? `the pattern comes to it after the last of ${count} layers` : '`pattern` does not name it';
  report('OPT002', named.keySpan, { option: `layers.kinds.${named.name}`, reason });
}
