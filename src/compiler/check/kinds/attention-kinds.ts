import { optionAt } from '../../../../grammar/options.ts';
import type { Report } from '../../diagnostics/report.ts';
import { entryOf, type SpecEntry, type SpecTree } from '../../syntax/tree.ts';
import { type BoundSpec, bind } from '../bind.ts';
import { mergeMaps } from '../merge.ts';
import { checkSchema } from '../schema.ts';
import type { LayerKind } from './layer-kind.ts';

/** The spec as the first of its `attentions` sees it: what they have in common need not be complete. */
export function withFirstAttention(tree: SpecTree): SpecTree {
  const [first] = attentionsIn(tree);
  return first === undefined ? tree : withAttention(tree, first);
}

/** One for each of `attentions`; none when they cannot be told apart, or there is a model. Reports SCH002 (a name), SCH004. */
export function attentionKinds(tree: SpecTree, spec: BoundSpec, report: Report): readonly LayerKind[] {
  for (const part of ['model', 'layers'] as const) {
    if (!spec.isWritten(part)) continue;
    const reason =
      part === 'model' ? 'the layers of a `model` have one attention each' : 'there is no `model` with layers';
    const option = part === 'model' ? 'attentions' : 'layers';
    const help = part === 'model' ? 'write `attention`, and where layers differ `layers`' : 'delete `layers`';
    report('SCH004', spec.keySpan(option), { option, reason, help });
    return [];
  }
  const entries = attentionsIn(tree);
  if (spec.isInvalid('attentions') || !namesAreSound(entries, spec, report)) return [];
  return entries.map((entry): LayerKind => {
    const { key, keySpan, value } = entry;
    const own = bind(checkSchema(without(withAttention(tree, entry)), report));
    return Object.freeze({ named: { name: key, keySpan, span: value.span }, spec: own, layers: [0], isModule: true });
  });
}

function attentionsIn(tree: SpecTree): readonly SpecEntry[] {
  const map = entryOf(tree, 'attentions')?.value;
  return map?.kind === 'map' ? map.entries.filter(({ value }) => value.kind === 'map') : [];
}

/** The spec with a named attention in place of what they have in common. */
function withAttention(tree: SpecTree, { keySpan, value }: SpecEntry): SpecTree {
  if (value.kind !== 'map') return tree;
  const entries = [{ key: 'attention', keySpan, value }];
  return mergeMaps(optionAt([]), tree, { ...value, entries });
}

function without(tree: SpecTree): SpecTree {
  return { ...tree, entries: tree.entries.filter(({ key }) => key !== 'attentions') };
}

/** They become parts of the names of modules, weights and folders. */
function namesAreSound(entries: readonly SpecEntry[], spec: BoundSpec, report: Report): boolean {
  const room = 62 - (spec.at('name')?.value.length ?? 0);
  const form = `a letter, then letters, digits or underscores, ${room} with that of the spec before it`;
  const others = new Map<string, string>();
  let isSound = true;
  for (const { key, keySpan } of entries) {
    const isName = /^[A-Za-z][A-Za-z0-9_]*$/.test(key) && key.length <= room;
    // Folders of macOS and Windows do not tell capitals from others.
    const other = others.get(key.toLowerCase());
    others.set(key.toLowerCase(), key);
    if (isName && other === undefined) continue;
    isSound = false;
    const expected = isName ? `a name that is not that of \`${other}\` but for capitals: both become folders` : form;
    report('SCH002', keySpan, { option: `attentions.${key.slice(0, 60)}`, expected });
  }
  return isSound;
}
