import { extent, type MapOption, since } from '../option.ts';

const count = (doc: string, min: 0 | 1) =>
  ({ kind: 'integer', min, max: extent.max, required: true, since, consumedBy: 'emit', doc }) as const;

/** Each of `weights.names`. */
const source = {
  kind: 'map',
  presence: 'meaning',
  shorthand: 'tensor',
  since,
  consumedBy: 'emit',
  doc: 'A tensor of the checkpoint, or a part of it.',
  entries: {
    tensor: {
      kind: 'text',
      pattern: '^',
      form: 'the name of a tensor',
      required: true,
      since,
      consumedBy: 'emit',
      doc: 'Its name, which may use `{i}`, `{2*i}` or `{2*i+1}` for the layer, and may end in `[start:end]` in place of `rows`. With `{e}` it is one tensor for each entry of the first axis, such as experts.',
    },
    transposed: {
      kind: 'boolean',
      default: false,
      since,
      consumedBy: 'emit',
      doc: 'The matrix is stored `[in, out]`; rows are counted after it is turned.',
    },
    rows: {
      kind: 'integers',
      min: 0,
      max: extent.max,
      length: 2,
      since,
      consumedBy: 'emit',
      doc: 'Range of its first axis, `[start, end]`.',
    },
    blocks: {
      kind: 'map',
      presence: 'meaning',
      since,
      consumedBy: 'emit',
      doc: 'Parts that come again: of each of `count` blocks of `stride` rows, those from `from` on. In place of `rows`.',
      entries: {
        count: count('Number of blocks, which fill the tensor.', 1),
        from: count('First row that is read of a block.', 0),
        size: count('Rows that are read of a block.', 1),
        stride: count('Rows of a block. Of a bias, rows are entries.', 1),
      },
    },
  },
} as const satisfies MapOption;

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
      values: ['checkpoint', 'f32', 'f16', 'bf16', 'int8', 'int4'],
      default: 'checkpoint',
      since,
      consumedBy: 'plan',
      doc: 'Storage of matrices on the device; `checkpoint` keeps the precision of the file. With `int8` and `int4` matrices that inputs are multiplied with are integers, each `group` of which share a scale; tables of embeddings (but see `embeddings`), and the matrices of routers and gates of whole heads, stay as they are in the file. See docs/quantization.md.',
    },
    group: {
      kind: 'integer',
      min: 32,
      max: 128,
      default: 32,
      since,
      consumedBy: 'plan',
      doc: 'With `int8` and `int4`: entries of a row that share a scale, 32, 64 or 128. It divides the width of every such matrix.',
    },
    embeddings: {
      kind: 'enum',
      values: ['kept', 'quantized'],
      default: 'kept',
      since,
      consumedBy: 'plan',
      doc: 'With `int8` and `int4`: `quantized` makes integers of the table of token embeddings, too, which a tied head reads for every token; `kept` leaves it as it is in the file.',
    },
    names: {
      kind: 'names',
      form: 'a map from canonical weight names to tensor names',
      since,
      consumedBy: 'emit',
      doc: 'Where the checkpoint has each canonical weight; `{i}` in a name is the layer.',
      of: source,
    },
  },
} as const satisfies MapOption;
