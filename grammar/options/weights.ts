import { type MapOption, since } from '../option.ts';

/** `weights`: the checkpoint and its names. */
export const weights = {
  kind: 'map',
  presence: 'grouping',
  since,
  consumedBy: 'check',
  doc: 'Where the weights come from.',
  entries: {
    file: {
      kind: 'text',
      pattern: '^[^\\u0000-\\u001f]{1,4096}$',
      form: 'a relative path',
      since,
      consumedBy: 'emit',
      doc: 'A `.safetensors` file beside the spec or below its folder, or the `.safetensors.index.json` of a checkpoint in several files, or a folder with `model.safetensors` or `model.safetensors.index.json`.',
    },
    dtype: {
      kind: 'enum',
      values: ['checkpoint', 'f32', 'f16', 'bf16'],
      default: 'checkpoint',
      since,
      consumedBy: 'plan',
      doc: 'Storage of matrices on the device; `checkpoint` keeps the precision of the file.',
    },
    names: {
      kind: 'names',
      form: 'a map from canonical weight names to tensor names',
      since,
      consumedBy: 'emit',
      doc: 'Tensor of the checkpoint for each canonical weight. `{i}` is the layer; a tensor name may also use `{2*i}` or `{2*i+1}`, and may end in `[start:end]` for a range of its first axis.',
    },
  },
} as const satisfies MapOption;
