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
