import { type MapOption, since } from '../option.ts';
import { attention } from './attention.ts';
import { mlp } from './mlp.ts';
import { use } from './reuse.ts';

/** `layers`: layers that differ. */
export const layers = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'check',
  doc: 'Layers that differ; only with `model`. Without it all layers are alike.',
  entries: {
    kinds: {
      kind: 'overrides',
      form: 'a map of 1 to 64 names of kinds, each with a map of what it changes',
      required: true,
      since,
      consumedBy: 'check',
      doc: 'What each kind of layer has in place of the spec’s own `attention` and `mlp`: maps are merged, lists and single values replace. `none` takes an optional option away.',
      of: {
        kind: 'map',
        presence: 'grouping',
        since,
        consumedBy: 'check',
        doc: 'What this kind of layer has in place of the spec’s own.',
        entries: { use, attention, mlp },
      },
    },
    pattern: {
      kind: 'words',
      form: 'a list of names of `layers.kinds`',
      item: 'the name of a kind of layer',
      required: true,
      since,
      consumedBy: 'check',
      doc: 'Kinds of the layers from the first on, repeated over all layers; the last repeat may be cut.',
    },
  },
} as const satisfies MapOption;
