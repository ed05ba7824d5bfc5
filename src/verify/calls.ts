import type { AttentionShape, ShapedSpec } from '../compiler/check/shaped-spec.ts';
import type { OracleInput } from '../compiler/oracle/oracle.ts';
import { randomNumbers, randomTensor } from './random.ts';
import type { TracedCall, TraceSizes } from './trace.ts';

/** Calls that follow each other on one cache. */
export interface CallSequence extends TraceSizes {
  readonly calls: readonly TracedCall[];
}

/**
 * What a module is run on: a prompt, a chunk that continues it, and one token; for models and projections with two sequences
 * of different lengths; for given heads with fewer, as many and more keys than queries.
 */
export function callSequences(shaped: ShapedSpec, tokens: number, seed: number): readonly CallSequence[] {
  const attention = shaped.layers[0]?.attention;
  if (attention === undefined) throw new Error('a spec has at least one layer');
  const given: Given = { shaped, attention, tokens, next: randomNumbers(seed) };
  if (attention.inputs === 'heads') return headCalls(given);
  return shaped.model === undefined ? projectionCalls(given) : modelCalls(given, shaped.model);
}

/** What calls are made of: a spec, its first attention, the tokens of the longest prompt, and random numbers. */
interface Given {
  readonly shaped: ShapedSpec;
  readonly attention: AttentionShape;
  readonly tokens: number;
  readonly next: () => number;
}

/** One call each, on heads that the app gives. */
function headCalls({ shaped, attention, tokens, next }: Given): readonly CallSequence[] {
  const { heads, headDim, valueDim } = attention;
  const values = (...shape: readonly number[]) => randomTensor(shape, next);
  return [
    [tokens, tokens],
    [Math.ceil(tokens / 3), tokens + 5],
    [tokens, Math.ceil(tokens / 2)],
    [1, tokens + 200],
  ].map(([queries = 1, keys = 1]) => {
    const inputs = new Map<string, OracleInput>([
      ['q', values(2, queries, heads.qHeads, headDim)],
      ['k', values(2, keys, heads.kvHeads, headDim)],
      ['v', values(2, keys, heads.kvHeads, valueDim)],
      ...extraInputs(attention, { queries, keys }, next),
      ...givenTensors(shaped, next),
    ]);
    const call = {
      counts: [queries, Math.ceil(queries / 2)],
      keyCounts: [keys, Math.ceil(keys / 2)],
      ...runtimePrefix(attention, queries),
      inputs,
    };
    return { batch: 2, capacity: keys, calls: [call] };
  });
}

/** Calls on the hidden states that projections take. */
function projectionCalls(given: Given): readonly CallSequence[] {
  const { shaped, attention, tokens, next } = given;
  const { lengths, ragged, sizes } = cachedLengths(given);
  const call = (counts: readonly number[]): TracedCall => {
    const queries = Math.max(...counts);
    const keys = attention.cross ? tokens + 5 : queries;
    const rows = inputRows(attention, { queries, keys }).map(
      ([name, ...shape]) => [name, randomTensor(shape, next)] as const,
    );
    const extra = extraInputs(attention, { queries, keys }, next);
    const prefix = runtimePrefix(attention, tokens);
    const inputs = new Map<string, OracleInput>([...rows, ...extra, ...givenTensors(shaped, next)]);
    return { counts, ...prefix, inputs };
  };
  // Masks and biases have an axis of keys: what a chunk or a token sees of them is not the first call's. A context is new in every call.
  const { padding, documents } = attention.mask;
  if (attention.cross || attention.biasTensor || padding !== 'none' || documents) {
    const longest = lengths[0] ?? tokens;
    const single = { ...sizes, capacity: attention.cross ? tokens + 5 : longest };
    return [longest, 1].map((count) => ({ ...single, calls: [call([count, count])] }));
  }
  return [{ ...sizes, calls: ragged.map(call) }];
}

/** Calls on ids. */
function modelCalls(given: Given, { vocab }: NonNullable<ShapedSpec['model']>): readonly CallSequence[] {
  const { shaped, attention, tokens, next } = given;
  const { ragged, sizes } = cachedLengths(given);
  const calls = ragged.map((counts, index): TracedCall => {
    const ids = counts.map((count) => Array.from({ length: count }, () => Math.floor(next() * vocab)));
    return {
      counts,
      ids,
      inputs: new Map([...givenTensors(shaped, next), ...givenEdits(shaped, Math.max(...counts), next)]),
      ...runtimePrefix(attention, tokens),
      logits: index === 1 ? 'all' : 'last',
    };
  });
  // Where tokens see those after them, every text is run by itself.
  const isCausal = shaped.layers.every((layer) => layer.attention.mask.causal);
  return isCausal ? [{ ...sizes, calls }] : calls.map((call) => ({ ...sizes, calls: [call] }));
}

/** New tokens of calls that follow each other on one cache, and of two sequences in each. */
function cachedLengths({ shaped, tokens }: Given) {
  const context = shaped.model?.context ?? Number.POSITIVE_INFINITY;
  const lengths = fitting(context, tokens, longestCallOf(shaped));
  const used = lengths.reduce((sum, length) => sum + length, 0);
  const sizes = { batch: 2, capacity: Math.min(context, used + 3) };
  return { lengths, ragged: lengths.map((length) => [length, Math.ceil(length / 3)]), sizes };
}

/** What projections read, for two sequences. */
function inputRows(
  { inputs, hidden = 0, cross, heads }: AttentionShape,
  { queries, keys }: { readonly queries: number; readonly keys: number },
): readonly (readonly [name: string, ...shape: number[]])[] {
  const width = cross?.width ?? hidden;
  if (inputs !== 'split')
    return [['hidden_in', 2, queries, hidden], ...(cross ? [['context', 2, keys, width] as const] : [])];
  return [
    ['q_in', 2, queries, heads.qHeads, hidden],
    ['k_in', 2, keys, heads.kvHeads, width],
    ['v_in', 2, keys, heads.kvHeads, width],
  ];
}

/** What layers are given by themselves: masks of heads, and parameters that no checkpoint has. */
export function givenTensors(shaped: ShapedSpec, next: () => number): readonly (readonly [string, OracleInput])[] {
  return [...headMasks(shaped), ...givenParameters(shaped, next)];
}

/** What a model's heads are given beside the residual stream, for two sequences. */
function givenEdits(
  { layers, model }: ShapedSpec,
  tokens: number,
  next: () => number,
): readonly (readonly [string, OracleInput])[] {
  return layers.flatMap(({ attention: { inputs, heads } }, layer) => {
    if (model === undefined || inputs !== 'split') return [];
    const counts = { q: heads.qHeads, k: heads.kvHeads, v: heads.kvHeads };
    return Object.entries(counts).map(([name, count]) => {
      const shape = [2, tokens, count, model.hidden];
      return [`layers.${layer}.edits.${name}`, randomTensor(shape, next)] as const;
    });
  });
}

/** For all layers that have any. */
function givenParameters(
  { layers, model }: ShapedSpec,
  next: () => number,
): readonly (readonly [string, OracleInput])[] {
  return layers.flatMap(({ attention }, layer) =>
    attention.parameters.flatMap(({ name, shape, runtime }) => {
      if (!runtime) return [];
      const given = randomTensor(shape.length === 0 ? [1] : shape, next);
      return [[`${model === undefined ? '' : `layers.${layer}.`}parameters.${name}`, given] as const];
    }),
  );
}

/** Masks of heads, for all layers that take one: every third head rests. */
function headMasks({ layers, model }: ShapedSpec): readonly (readonly [string, OracleInput])[] {
  return layers.flatMap(({ attention }, layer) => {
    const { qHeads } = attention.heads;
    if (attention.activeHeads !== 'runtime') return [];
    const data = Array.from({ length: qHeads }, (_, head) => Number((head + layer) % 3 !== 1));
    return [[`${model === undefined ? '' : `layers.${layer}.`}active_heads`, { shape: [qHeads], data }]];
  });
}

/** A different prefix for each of two sequences, where calls say how long it is. */
export function runtimePrefix({ mask }: AttentionShape, tokens: number): Pick<TracedCall, 'prefix'> {
  return mask.prefix === 'runtime' ? { prefix: [Math.ceil(tokens / 2), 1] } : {};
}

/** The masks and biases that an attention takes at run time. */
export function extraInputs(
  { biasTensor, heads, mask }: AttentionShape,
  { queries, keys }: { readonly queries: number; readonly keys: number },
  next: () => number,
): readonly (readonly [string, OracleInput])[] {
  const inputs: (readonly [string, OracleInput])[] = [];
  if (mask.padding !== 'none') {
    inputs.push(['key_mask', { shape: [2, keys], data: Array.from({ length: 2 * keys }, () => Number(next() > 0.3)) }]);
  }
  if (mask.documents) {
    // Documents of three tokens; the second sequence's begin one token earlier.
    const data = Array.from({ length: 2 * keys }, (_, at) => Math.floor(((at % keys) + Math.floor(at / keys)) / 3));
    inputs.push(['documents', { shape: [2, keys], data }]);
  }
  if (biasTensor !== undefined) {
    const shape = [biasTensor.perBatch ? 2 : 1, biasTensor.perHead ? heads.qHeads : 1, queries, keys];
    inputs.push(['bias', randomTensor(shape, next)]);
  }
  return inputs;
}

/** New tokens of a call that the caches of all layers have room for. */
function longestCallOf({ layers }: ShapedSpec): number {
  const layouts = layers.flatMap(({ attention }) => attention.cacheLayout ?? []);
  return layouts.reduce(
    (least, layout) => (layout.kind === 'ring' ? Math.min(least, layout.longestCall) : least),
    65_535,
  );
}

/** A prompt, in as many calls as it takes, a chunk of three and a single token, as far as they fit the context. */
function fitting(context: number, tokens: number, longestCall: number): readonly number[] {
  const prompt = Math.min(tokens, Math.max(1, context - 4));
  const pieces = Array.from({ length: Math.ceil(prompt / longestCall) }, (_, index) =>
    Math.min(longestCall, prompt - index * longestCall),
  );
  const lengths: number[] = [];
  let room = context;
  for (const length of [...pieces, Math.min(3, longestCall), 1]) {
    if (length > room) continue;
    lengths.push(length);
    room -= length;
  }
  return lengths;
}
