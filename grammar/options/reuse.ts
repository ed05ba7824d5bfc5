import { type MapOption, type OverridesOption, since, type WordsOption } from '../option.ts';
import { attention } from './attention.ts';
import { mlp } from './mlp.ts';

/** Names of blocks, at the top of a spec and in a kind of layer. */
export const use = {
  kind: 'words',
  form: 'the name of a block, or a list of them',
  item: 'the name of a block',
  orOne: true,
  since,
  consumedBy: 'check',
  doc: 'Blocks that lie beneath what is written here: maps are merged, lists and single values replace, later blocks replace earlier ones.',
} as const satisfies WordsOption;

/** A part of `attention` and `mlp`. */
const parts = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'check',
  doc: 'Options of `attention` and `mlp`.',
  entries: { attention, mlp },
} as const satisfies MapOption;

export const blocks = {
  kind: 'overrides',
  form: 'a map of 1 to 64 names of blocks, each with parts of `attention` and `mlp`',
  since,
  consumedBy: 'check',
  doc: 'Named parts of `attention` and `mlp`, for `use`.',
  of: parts,
} as const satisfies OverridesOption;

export const include = {
  kind: 'words',
  form: 'the path of a spec, or a list of them',
  item: 'the path of a spec',
  orOne: true,
  since,
  consumedBy: 'check',
  doc: 'Specs, or parts of specs, that lie beneath this one: relative paths without `..`. Maps are merged, lists and single values replace, `none` takes an optional option away; later files replace earlier ones. What they include and their blocks come along. Parts that are no specs of their own are called `*.part.gqa.yaml` or `*.part.gqa`, which searches of folders pass by.',
} as const satisfies WordsOption;

export const attentions = {
  kind: 'overrides',
  form: 'a map of 1 to 64 names, each with options of `attention`',
  since,
  consumedBy: 'lower',
  doc: 'Several attentions, each a module of its own: each has what it changes in `attention`, where that is written. Not with `model`. The weights of `self` are `self.attn.q.weight`, …',
  of: attention,
  like: 'attention',
} as const satisfies OverridesOption;
