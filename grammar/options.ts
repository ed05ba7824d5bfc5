import { type MapOption, type OptionNode, since } from './option.ts';
import { attention } from './options/attention.ts';
import { layers } from './options/layers.ts';
import { mlp } from './options/mlp.ts';
import { model } from './options/model.ts';
import { attentions, blocks, include, use } from './options/reuse.ts';
import { weights } from './options/weights.ts';

/**
 * THE option table: every option of a spec, once. The JSON Schema, the validator, the TypeScript types, the reference page,
 * the defaults that `bind` fills in and the words of schema diagnostics are all derived from it.
 */
export const options = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'check',
  doc: 'The attention of a transformer, or a whole decoder, to be compiled to WGSL.',
  entries: {
    gqac: {
      kind: 'integer',
      min: 1,
      max: 1,
      exactly: 1,
      required: true,
      since,
      consumedBy: 'check',
      doc: 'Version of the spec language.',
    },
    name: {
      kind: 'text',
      pattern: '^[A-Za-z][A-Za-z0-9_]{0,62}$',
      form: 'a letter, then at most 62 letters, digits or underscores',
      required: true,
      since,
      consumedBy: 'emit',
      doc: 'Name of the module; generated identifiers begin with it.',
    },
    include,
    use,
    blocks,
    model,
    attention,
    attentions,
    mlp,
    layers,
    weights,
  },
} as const satisfies MapOption;

/**
 * The option at a path such as `attention.rope.dim`; undefined for a path that the table does not have. A map that may be a
 * list is at `attention.qk_norm`, each map of the list at `attention.qk_norm.0`.
 */
export function optionAt(path: readonly string[]): OptionNode | undefined {
  let node: OptionNode | undefined = options;
  for (const step of path) {
    if (node?.kind === 'map' && node.maxItems !== undefined && /^\d+$/.test(step)) continue;
    node = childOption(node, step);
  }
  return node;
}

/** The option of a key in a map, if the table has one there. */
export function childOption(around: OptionNode | undefined, key: string): OptionNode | undefined {
  if (around?.kind === 'overrides' || around?.kind === 'declarations' || around?.kind === 'names') return around.of;
  return around?.kind === 'map' && Object.hasOwn(around.entries, key) ? around.entries[key] : undefined;
}

/** The option that a value of this form means where a map is expected, with its key. */
export function shortOf(
  option: OptionNode | undefined,
  form: 'scalar' | 'list' | 'map',
): { readonly key: string; readonly option: OptionNode } | undefined {
  if (option?.kind !== 'map' || option.shorthand === undefined) return undefined;
  const short = option.entries[option.shorthand];
  if (short === undefined || form !== (short.kind === 'list' ? 'list' : 'scalar')) return undefined;
  return { key: option.shorthand, option: short };
}

/** Whether an option's key alone, without a value, says true. */
export function isFlag(option: OptionNode | undefined): boolean {
  if (option?.kind !== 'map' || option.shorthand === undefined) return option?.kind === 'boolean';
  return option.entries[option.shorthand]?.kind === 'boolean';
}
