import { attention, count, entry, shapeText } from '../entry.ts';

const memory = attention('q_heads: 4', 'head_dim: 64', 'memory_kv: 2');
const memoryTensors = {
  'attn.memory_k': ['F32', 4, 2, 64],
  'attn.memory_v': ['F32', 4, 2, 64],
} as const;

const sharded = `${memory}weights: { file: model.safetensors.index.json }\n`;
const unreadable = {
  kind: 'unreadable',
  shard: 'model-00002-of-00002.safetensors',
  reason: 'cannot be opened: no such file',
  tensors: ['attn.memory_v'],
} as const;

function withNames(...names: readonly string[]): string {
  return `${memory}weights:\n  names:\n${names.map((name) => `    ${name}\n`).join('')}`;
}

const fused = {
  qkv: ['F32', 48, 32],
  'attn.k.weight': ['F32', 16, 32],
  'attn.v.weight': ['F32', 16, 32],
  'attn.o.weight': ['F32', 32, 16],
} as const;

/** Queries of four heads of 4 in a matrix that has more of each head. */
function inBlocks(stride: number): string {
  const q = `{ tensor: qkv, blocks: { count: 4, from: 0, size: 4, stride: ${stride} } }`;
  return `${attention('hidden: 32', 'q_heads: 4', 'head_dim: 4')}weights:\n  names:\n    attn.q.weight: ${q}\n`;
}

/** The output projection reads rows of 32. */
function quantized(group: number, dtype = 'int4'): string {
  return `${attention('hidden: 64', 'q_heads: 4', 'head_dim: 8')}weights: { dtype: ${dtype}, group: ${group} }\n`;
}

/** Not an interface: the types of the catalogue, which are exported, spell it out. */
type Groups = {
  readonly dtype: string;
  readonly group: number;
};

const packedMetadata = { format: 'gqac', quantization: 'int4', group: '32' } as const;
const packedTensors = {
  'attn.q.weight': ['U8', 32, 32],
  'attn.q.weight.scales': ['F16', 32, 2],
  'attn.k.weight': ['U8', 32, 32],
  'attn.k.weight.scales': ['F16', 32, 2],
  'attn.v.weight': ['U8', 32, 32],
  'attn.v.weight.scales': ['F16', 32, 2],
  'attn.o.weight': ['U8', 64, 16],
  'attn.o.weight.scales': ['F16', 64, 1],
} as const;

const oneOf = (values: readonly number[]): string =>
  values.length === 1 ? String(values[0]) : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;

export const weightRules = {
  WGT001: entry({
    slug: 'tensor-missing',
    severity: 'error',
    message: (a: { tensor: string; more: number; suggestion?: string | undefined }) =>
      `the checkpoint has no tensor \`${a.tensor}\`${alsoLayers(a.more)}`,
    help: (a) =>
      a.suggestion === undefined
        ? 'map the weight to its tensor under `weights.names`'
        : `the nearest name there is \`${a.suggestion}\``,
    why: 'Every weight of the model must be in the checkpoint; none is left at zero.',
    failing: { spec: memory, tensors: { 'attn.memory_k': ['F32', 4, 2, 64] } },
    mended: { spec: memory, tensors: memoryTensors },
  }),
  WGT002: entry({
    slug: 'tensor-shape',
    severity: 'error',
    message: (a: {
      tensor: string;
      found: readonly number[];
      expected: readonly number[];
      more: number;
      cause?: string | undefined;
    }) =>
      `tensor \`${a.tensor}\` is ${shapeText(a.found)}, the spec makes it ${shapeText(a.expected)}${alsoLayers(a.more)}`,
    help: (a) => a.cause,
    why: 'A matrix of another shape belongs to another model, or the spec has a width or head count wrong.',
    failing: { spec: memory, tensors: { ...memoryTensors, 'attn.memory_k': ['F32', 4, 3, 64] } },
    mended: { spec: memory, tensors: memoryTensors },
  }),
  WGT003: entry({
    slug: 'tensor-dtype',
    severity: 'error',
    message: (a: { tensor: string; dtype: string; more: number }) =>
      `tensor \`${a.tensor}\` holds ${a.dtype}, weights are F32, F16 or BF16${alsoLayers(a.more)}`,
    help: () => 'convert the checkpoint to one of the three',
    why: 'Integers and quantised formats carry scales that a bare tensor does not have.',
    failing: { spec: memory, tensors: { ...memoryTensors, 'attn.memory_k': ['I64', 4, 2, 64] } },
    mended: { spec: memory, tensors: memoryTensors },
  }),
  WGT004: entry({
    slug: 'tensor-unused',
    severity: 'warning',
    message: (a: { tensors: readonly string[]; total: number }) =>
      `${a.total === 1 ? 'one tensor' : `${a.total} tensors`} of the checkpoint ${a.total === 1 ? 'is' : 'are'} not used: ${a.tensors.join(', ')}${a.total > a.tensors.length ? ', …' : ''}`,
    help: () => 'if the model needs them, the spec leaves out an option that would read them',
    why: 'A bias, a norm or a memory that the spec does not mention would be dropped, and the model would be another one.',
    failing: { spec: memory, tensors: { ...memoryTensors, 'attn.sinks': ['F32', 4] } },
    mended: { spec: memory, tensors: memoryTensors },
  }),
  WGT005: entry({
    slug: 'rows-out-of-range',
    severity: 'error',
    message: (a: { tensor: string; start: number; end: number; rows: number }) =>
      `rows ${a.start} to ${a.end} of \`${a.tensor}\` are asked for, it has ${count(a.rows, 'row')}`,
    help: () => 'a range is `[start:end]`, its end not included',
    why: 'A range that reaches past its tensor would read another weight.',
    failing: {
      spec: withNames('attn.memory_k: "memory[0:4]"', 'attn.memory_v: "memory[5:9]"'),
      tensors: { memory: ['F32', 8, 2, 64] },
    },
    mended: {
      spec: withNames('attn.memory_k: "memory[0:4]"', 'attn.memory_v: "memory[4:8]"'),
      tensors: { memory: ['F32', 8, 2, 64] },
    },
  }),
  WGT006: entry({
    slug: 'not-a-weight',
    severity: 'error',
    message: (a: { name: string; suggestion?: string | undefined; known: readonly string[] }) =>
      `this spec has no weight \`${a.name}\``,
    help: (a) =>
      a.suggestion === undefined ? `its weights: ${a.known.join(', ')}` : `did you mean \`${a.suggestion}\`?`,
    why: 'A name that maps nothing hides a weight that is left unmapped, or an option that is not written.',
    failing: { spec: withNames('attn.mem_k: memory.k') },
    mended: { spec: withNames('attn.memory_k: memory.k') },
  }),
  WGT007: entry({
    slug: 'name-template',
    severity: 'error',
    message: (a: { problem: string }) => a.problem,
    help: () =>
      'a tensor name may use `{i}`, `{2*i}` or `{2*i+1}` and `{e}`, and may end in `[start:end]`; a part has as many rows as the weight',
    why: 'A template that is not understood would name a tensor that does not exist.',
    failing: { spec: withNames('attn.memory_k: "memory.{j}.k"') },
    mended: { spec: withNames('attn.memory_k: memory.k') },
  }),
  WGT008: entry({
    slug: 'rows-read-twice',
    severity: 'warning',
    message: (a: { tensor: string; first: string; second: string }) =>
      `\`${a.first}\` and \`${a.second}\` read the same rows of \`${a.tensor}\``,
    label: () => 'the second of them',
    help: () => 'map each to its own tensor, or to its own range `[start:end]`',
    why: 'Two weights with one source are nearly always a slip in `weights.names`. Tied embeddings are `model.tie_embeddings`.',
    failing: { spec: withNames('attn.memory_k: memory', 'attn.memory_v: memory') },
    mended: { spec: withNames('attn.memory_k: memory.k', 'attn.memory_v: memory.v') },
  }),
  WGT009: entry({
    slug: 'path-leaves-folder',
    severity: 'error',
    message: (a: { path: string }) => `the path ${JSON.stringify(a.path)} leaves the folder of the spec`,
    help: () => 'use a relative path without `..`, or name the file on the command line with `--weights`',
    why: 'A spec from a stranger must not make this machine read files elsewhere.',
    failing: { spec: `${memory}weights: { file: ../../model.safetensors }\n` },
    mended: { spec: `${memory}weights: { file: model.safetensors }\n` },
  }),
  WGT010: entry({
    slug: 'shard-unreadable',
    severity: 'error',
    message: (a: { shard: string; reason: string; tensors: number }) =>
      `shard \`${a.shard}\` of the checkpoint, with ${count(a.tensors, 'tensor')}, is unusable: ${a.reason}`,
    help: () => 'fetch the file again, into the folder of the index',
    why: 'An index lists the files of a checkpoint. One that was not fetched, or only in part, is found out before gigabytes of the others are loaded.',
    failing: { spec: sharded, tensors: { 'attn.memory_k': ['F32', 4, 2, 64] }, shardFaults: [unreadable] },
    mended: { spec: sharded, tensors: memoryTensors },
  }),
  WGT011: entry({
    slug: 'shard-without-tensor',
    severity: 'error',
    message: (a: { shard: string; tensor: string; more: number }) =>
      `the index puts \`${a.tensor}\`${a.more === 0 ? '' : ` and ${count(a.more, 'more tensor')}`} into \`${a.shard}\`, which does not have ${a.more === 0 ? 'it' : 'them'}`,
    help: () => 'fetch the index and the shards of one revision',
    why: 'Index and shards are of different revisions, or a shard was written again under its old name.',
    failing: {
      spec: sharded,
      tensors: { 'attn.memory_k': ['F32', 4, 2, 64] },
      shardFaults: [{ kind: 'elsewhere', shard: 'model-00002-of-00002.safetensors', tensor: 'attn.memory_v' }],
    },
    mended: { spec: sharded, tensors: memoryTensors },
  }),
  WGT012: entry({
    slug: 'tensor-in-two-shards',
    severity: 'error',
    message: (a: { tensor: string; shards: readonly string[]; more: number }) =>
      `\`${a.tensor}\`${a.more === 0 ? '' : ` and ${count(a.more, 'more tensor')}`} ${a.more === 0 ? 'is' : 'are'} in two files of the checkpoint: ${a.shards.join(' and ')}`,
    help: () => 'delete the file that does not belong to the checkpoint, and fetch the index again',
    why: 'Which of the two is meant is not said, and they may differ.',
    failing: {
      spec: sharded,
      tensors: memoryTensors,
      shardFaults: [
        {
          kind: 'twice',
          tensor: 'attn.memory_v',
          shards: ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'],
        },
      ],
    },
    mended: { spec: sharded, tensors: memoryTensors },
  }),
  WGT013: entry({
    slug: 'blocks-do-not-fill',
    severity: 'error',
    message: (a: { tensor: string; rows: number; count: number; stride: number }) =>
      `${count(a.count, 'block')} of ${a.stride} rows make ${a.count * a.stride}, \`${a.tensor}\` has ${a.rows}`,
    help: (a) =>
      a.rows % a.count === 0 ? `is the stride ${a.rows / a.count}?` : 'the blocks of a tensor are all of its rows',
    why: 'Where heads are stored one after the other, a wrong stride would read parts of others.',
    failing: { spec: inBlocks(8), tensors: fused },
    mended: { spec: inBlocks(12), tensors: fused },
  }),
  WGT014: entry({
    slug: 'group-of-weights',
    severity: 'error',
    message: (a: { group: number; weight: string; width: number; valid: readonly number[] }) =>
      a.width % a.group === 0
        ? `groups of ${a.group} weights are not among those that share a scale`
        : `groups of ${a.group} do not divide the rows of \`${a.weight}\`, which have ${a.width} entries`,
    help: (a) =>
      a.valid.length === 0
        ? 'no group of 32, 64 or 128 divides the rows of all matrices: write `dtype: f16`'
        : `use ${oneOf(a.valid)}`,
    why: 'Entries of one row share a scale, and every group is whole: a kernel then knows the scale of all that it reads at once.',
    failing: { spec: quantized(64) },
    mended: { spec: quantized(32) },
  }),
  WGT015: entry({
    slug: 'packed-otherwise',
    severity: 'error',
    message: (a: { packing: Groups; asked?: Groups | undefined; table?: boolean | undefined }) =>
      a.table
        ? `the checkpoint has the table of token embeddings as ${a.packing.dtype}, the spec keeps it as it is`
        : `the checkpoint is packed as ${a.packing.dtype} in groups of ${a.packing.group}, the spec ${a.asked === undefined ? 'does not ask for integers' : `asks for ${a.asked.dtype} in groups of ${a.asked.group}`}`,
    help: (a) =>
      `write \`weights: { ${a.table ? 'embeddings: quantized' : `dtype: ${a.packing.dtype}, group: ${a.packing.group}`} }\`, or give the checkpoint that it was made of`,
    why: 'What `gqac quantize` wrote is loaded as it is: rounding it once more to other integers would add another error.',
    failing: { spec: quantized(32, 'int8'), tensors: packedTensors, metadata: packedMetadata },
    mended: { spec: quantized(32), tensors: packedTensors, metadata: packedMetadata },
  }),
};

function alsoLayers(more: number): string {
  return more === 0 ? '' : ` (and ${count(more, 'more layer')})`;
}
