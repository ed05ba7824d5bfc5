import type { Severity } from './diagnostic.ts';

/** A rule's words, its page and its tests, in one place. `A` is what the rule knows when it reports. */
export interface Entry<A> {
  readonly slug: string;
  readonly severity: Severity;
  readonly message: (args: A) => string;
  /** Under the span. */
  readonly label?: (args: A) => string | undefined;
  readonly help?: (args: A) => string | undefined;
  /** Why the rule exists, in a sentence or two. */
  readonly why: string;
  /** Where it went wrong for real. */
  readonly issue?: string;
  readonly failing: Example;
  readonly mended: Example;
}

/** A spec, the checkpoint that comes with it, and what was asked of the checker. */
export interface Example {
  readonly spec: string;
  /** Files beside it, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly tensors?: Readonly<Record<string, readonly [dtype: string, ...shape: number[]]>>;
  /** What the header of the checkpoint says beside its tensors. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How the files of the checkpoint disagree with its index. */
  readonly shardFaults?: readonly ShardFaultExample[];
  /** `--shards`. */
  readonly shards?: number;
  /** `--target`: a profile by its id, or one with these limits and else those of every device. */
  readonly target?: string | Readonly<Record<string, number>>;
  /** `gqac export --to`. */
  readonly exportTo?: 'hf' | 'onnx';
}

/** As in `CheckpointHeader.faults`. */
type ShardFaultExample =
  | {
      readonly kind: 'unreadable';
      readonly shard: string;
      readonly reason: string;
      readonly tensors: readonly string[];
    }
  | { readonly kind: 'elsewhere'; readonly shard: string; readonly tensor: string }
  | { readonly kind: 'twice'; readonly shards: readonly [string, string]; readonly tensor: string };

export function entry<A>(value: Entry<A>): Entry<A> {
  return Object.freeze(value);
}

/** A spec of one attention block, given the lines of its `attention` map. */
export function attention(...lines: readonly string[]): string {
  return ['gqac: 1', 'name: example', 'attention:', ...lines.map((line) => `  ${line}`), ''].join('\n');
}

/** `1, 2, 4 or 8`. */
export function alternatives(values: readonly (string | number)[]): string {
  if (values.length < 2) return values.join('');
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `[64, 192]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** A checkpoint of the projections of an attention block; `q` and `kv` are rows. */
export function projections(a: { hidden: number; q: number; kv: number }): NonNullable<Example['tensors']> {
  return {
    'attn.q.weight': ['F32', a.q, a.hidden],
    'attn.k.weight': ['F32', a.kv, a.hidden],
    'attn.v.weight': ['F32', a.kv, a.hidden],
    'attn.o.weight': ['F32', a.hidden, a.q],
  };
}
