import type { DraftValue } from '../draft.ts';

/** Names of the tensors of the checkpoint that lies beside the config; undefined when there is none. */
export type TensorNames = ReadonlySet<string> | undefined;

/** Where canonical weights lie, as `weights.names` spells it. Tensor names inside lack the prefix of the checkpoint. */
export type NamedWeights = Readonly<Record<string, TensorSource>>;

/** A tensor, and which part of it, in which order. */
export interface TensorSource {
  readonly tensor: string;
  /** The part's options in `weights.names`; absent for the whole tensor. */
  readonly part?: Readonly<Record<string, DraftValue>>;
}

/** Weight and bias of a module that is stored whole. */
export function whole(own: string, theirs: string): NamedWeights {
  return weightAndBias(own, theirs, undefined);
}

/** Each `[own, theirs]` whole. */
export function allWhole(pairs: Readonly<Record<string, string>>): NamedWeights {
  return merged(Object.entries(pairs).map(([own, theirs]) => whole(own, theirs)));
}

/** Modules that are parts of one, one after the other along the first axis of its weight, which is `[out, in]`. */
export function stackedRows(theirs: string, parts: Readonly<Record<string, number>>): NamedWeights {
  let start = 0;
  return merged(
    Object.entries(parts).map(([own, size]) => {
      const rows = [start, start + size];
      start += size;
      return weightAndBias(own, theirs, { rows });
    }),
  );
}

/** As `stackedRows`, of a module whose weight is stored `[in, out]`. */
export function stackedColumns(theirs: string, parts: Readonly<Record<string, number>>): NamedWeights {
  let start = 0;
  return merged(
    Object.entries(parts).map(([own, size]) => {
      const rows = [start, start + size];
      start += size;
      return {
        [`${own}.weight`]: { tensor: `${theirs}.weight`, part: { transposed: true, rows } },
        [`${own}.bias`]: { tensor: `${theirs}.bias`, part: { rows } },
      };
    }),
  );
}

/** A module whose weight is stored `[in, out]`. */
export function transposed(own: string, theirs: string): NamedWeights {
  return {
    [`${own}.weight`]: { tensor: `${theirs}.weight`, part: { transposed: true } },
    [`${own}.bias`]: { tensor: `${theirs}.bias` },
  };
}

/** q, k and v of one module that has, for each KV head in turn, the rows of its query heads, its key and its value. */
export function headBlocks(
  layer: string,
  theirs: string,
  { heads, kvHeads, headDim }: { readonly heads: number; readonly kvHeads: number; readonly headDim: number },
): NamedWeights {
  const queries = (heads / kvHeads) * headDim;
  const stride = queries + 2 * headDim;
  const block = (from: number, size: number) => ({ blocks: { count: kvHeads, from, size, stride } });
  return merged([
    weightAndBias(`${layer}.q`, theirs, block(0, queries)),
    weightAndBias(`${layer}.k`, theirs, block(queries, headDim)),
    weightAndBias(`${layer}.v`, theirs, block(queries + headDim, headDim)),
  ]);
}

interface ExpertRows {
  readonly experts: number;
  /** Rows of one expert in the tensor. */
  readonly stride: number;
  /** Of these, the first that is meant, and how many. */
  readonly from: number;
  readonly size: number;
}

/** Some rows of every expert, of one tensor `[E, out, in]` for all. */
export function expertRows(tensor: string, { experts, stride, from, size }: ExpertRows): TensorSource {
  return { tensor, part: { blocks: { count: experts, from, size, stride } } };
}

/** Two modules whose columns stand in turn in one tensor `[E, in, 2 · width]`, and a bias `[E, 2 · width]`. */
export function interleavedExperts(
  theirs: string,
  own: readonly [string, string],
  { experts, width }: { readonly experts: number; readonly width: number },
): NamedWeights {
  return merged(
    own.map((name, from) => {
      const blocks = { count: experts * width, from, size: 1, stride: 2 };
      return {
        [`${name}.weight`]: { tensor: theirs, part: { transposed: true, blocks } },
        [`${name}.bias`]: { tensor: `${theirs}_bias`, part: { blocks } },
      };
    }),
  );
}

/** One tensor `[E, in, out]`, and a bias `[E, out]`. */
export function transposedExperts(theirs: string, own: string): NamedWeights {
  return {
    [`${own}.weight`]: { tensor: theirs, part: { transposed: true } },
    [`${own}.bias`]: { tensor: `${theirs}_bias` },
  };
}

function weightAndBias(own: string, theirs: string, part: TensorSource['part']): NamedWeights {
  const source = (suffix: string) =>
    part === undefined ? { tensor: theirs + suffix } : { tensor: theirs + suffix, part };
  return { [`${own}.weight`]: source('.weight'), [`${own}.bias`]: source('.bias') };
}

function merged(all: readonly NamedWeights[]): NamedWeights {
  return Object.assign({}, ...all) as NamedWeights;
}

/** A source as the spec writes it. */
export function writtenSource({ tensor, part }: TensorSource, prefix: string): DraftValue {
  const name = prefix + tensor;
  if (part === undefined) return name;
  const [option] = Object.keys(part);
  const rows = part.rows;
  if (option === 'rows' && Object.keys(part).length === 1 && Array.isArray(rows)) return `${name}[${rows.join(':')}]`;
  return { tensor: name, ...part };
}
