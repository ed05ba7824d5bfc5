/**
 * ABI 1 between generated modules and the runtime: plain data, no code. A definition says which weights a module loads,
 * which buffers it needs, and for each device variant the kernels and the order in which they are dispatched.
 */
export interface ModuleDefinition {
  readonly abi: 1;
  readonly name: string;
  readonly kind: 'model' | 'attention';
  readonly facts: ModuleFacts;
  readonly weights: readonly WeightDecl[];
  /** Tables that the host computes in f64 when the module is loaded. */
  readonly tables: readonly TableDecl[];
  /** Activations and caches. */
  readonly buffers: readonly BufferDecl[];
  /** Most demanding first; the runtime takes the first that the device supports. */
  readonly variants: readonly VariantDecl[];
}

/** Where layers differ, the facts about heads, widths, memory and cache are those of the first. */
export interface ModuleFacts {
  readonly layers: number;
  /** The name of each layer's kind; absent when all layers are alike. */
  readonly layerKinds?: readonly string[];
  readonly qHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly memorySlots: number;
  /** Columns before the sequence: zero and memory. */
  readonly prefixColumns: number;
  /** 0 when q, k and v are given by the app. */
  readonly hidden: number;
  /** 0 for attention alone. */
  readonly vocab: number;
  /** Longest sequence; 0 for attention alone (no bound but the device's). */
  readonly context: number;
  readonly cacheDtype: 'f32' | 'f16' | 'int8';
  /** First keys that every token sees, in the layer that has most of them; `runtime`: a call says how many. */
  readonly prefix?: number | 'runtime';
  /** Most new tokens of a call, where a ring cache has no room for more. */
  readonly longestCall?: number;
  /** Positions of a page, where caches are paged. */
  readonly pageSize?: number;
  /** What a call gives: `logits` `[…, vocab]`, `hidden` `[B, I, hidden]`, or the `out` of attention alone. */
  readonly output: 'logits' | 'hidden' | 'out';
  /** False: tokens see those after them, so that a text is run at once and cannot be continued. */
  readonly causal: boolean;
}

/**
 * Extents are evaluated by the runtime. Symbols: B batch · I new tokens of each sequence (the longest) · J keys after this
 * call (the longest) · C capacity of the cache, in tokens · P pages of a paged cache · L sequences whose logits are asked for times their rows · X rows of each context.
 */
export type ExtentSymbol = 'B' | 'I' | 'J' | 'C' | 'P' | 'L' | 'X';
export type Extent =
  | number
  | ExtentSymbol
  | readonly ['*' | '+' | 'min' | 'max', ...Extent[]]
  | readonly ['ceil', Extent, Extent]
  /** The first less the second, and not below 0. */
  | readonly ['less', Extent, Extent];

export interface WeightDecl {
  readonly name: string;
  readonly shape: readonly number[];
  /** Integers: the codes of all entries, then the scales of all groups; see `quantize.ts`. */
  readonly dtype: 'f32' | 'f16' | 'bf16' | 'int8' | 'int4';
  /** Of integers: entries of a row that share a scale. */
  readonly group?: number;
  /** Elements from the start of one row of the last axis to the next; the gap is zero. */
  readonly pitch: number;
  readonly source: string;
  /** `{e}` in `source` counts so many tensors, each an entry of the weight's first axis; what follows is said of each. */
  readonly stack?: number;
  /** The tensor's last two axes are exchanged; blocks are counted after that. */
  readonly transposed?: true;
  /** The part of the tensor that is the weight; absent for the whole tensor. */
  readonly blocks?: BlocksDecl;
  /** All of that has the shape `of`; the weight is, of one axis, the `size` entries from each of `starts` on, in that order. */
  readonly part?: PartDecl;
}

export interface PartDecl {
  readonly of: readonly number[];
  readonly axis: number;
  readonly size: number;
  readonly starts: readonly number[];
}

/** Of each of `count` runs of `stride` elements, the `size` elements from `from` on: whole rows of the last axis. */
export interface BlocksDecl {
  readonly count: number;
  readonly from: number;
  readonly size: number;
  readonly stride: number;
}

export type TableDecl = RopeTableDecl | SinusoidTableDecl;

/** cos and sin of position × frequency: `[capacity, dim / 2]` pairs of f32, one row for each token of the cache. */
export interface RopeTableDecl {
  readonly name: string;
  readonly kind: 'rope';
  readonly dim: number;
  readonly base: number;
  readonly scaling?: RopeScaling;
}

/** How frequencies differ from base^(−2j / dim); see `ropeFrequencies`. */
export type RopeScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | { readonly kind: 'dynamic'; readonly factor: number; readonly originalContext: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly originalContext: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalContext: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
      readonly attentionFactor: number;
    }
  | {
      readonly kind: 'longrope';
      readonly originalContext: number;
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly attentionFactor: number;
    };

/** Positions to be added to embeddings: f32 `[C + offset, width]`, rows padded to four entries. */
export interface SinusoidTableDecl {
  readonly name: string;
  readonly kind: 'sinusoids';
  readonly width: number;
  readonly offset: number;
  /** Where sin and cos of pair e lie: at e and e + width / 2 (`half`), or at 2e and 2e + 1. */
  readonly pairing: 'half' | 'interleaved';
}

export interface BufferDecl {
  readonly name: string;
  /**
   * `prepared` lives as long as the model, `cache` as long as the session, as does the table of its `pages`; `activation` is scratch; `input` and `output` are
   * the module's interface.
   */
  readonly role: 'prepared' | 'cache' | 'pages' | 'activation' | 'input' | 'output';
  /** `int8`: a cache in blocks of four rows of the last axis, each block after the four f32 that its rows are multiplied with. */
  readonly dtype: 'f32' | 'f16' | 'u32' | 'int8';
  /** The last axis of a cache is padded to four entries. */
  readonly shape: readonly Extent[];
  /** Of a cache without a row for each position; `ring`: position p is in row p mod `rows`. */
  readonly layout?:
    | { readonly kind: 'ring'; readonly rows: number }
    | { readonly kind: 'paged'; readonly pageSize: number };
}

export interface VariantDecl {
  readonly id: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Kernels rely on subgroups of exactly this many invocations; with the subgroup matrix feature, on f16 blocks with f32 results. */
  readonly subgroupSize?: number;
  /** New tokens of all sequences that a call had best have, where an app does not say; absent: 256 of each. */
  readonly chunk?: number;
  readonly kernels: Readonly<Record<string, KernelDecl>>;
  /** Run once, after the weights are on the device. */
  readonly prepare: readonly DispatchDecl[];
  /** Several tokens of each sequence. */
  readonly prefill: readonly DispatchDecl[];
  /** One token of each sequence. */
  readonly decode: readonly DispatchDecl[];
  /** Draws the next token of each sequence from the logits; empty for attention alone. */
  readonly sample: readonly DispatchDecl[];
}

export interface KernelDecl {
  readonly code: string;
  /** In binding order. */
  readonly bindings: readonly ('read' | 'read_write' | 'uniform')[];
}

export interface DispatchDecl {
  readonly kernel: string;
  /** Names of weights, tables, buffers, or the runtime's own `step`, `sequences` and `sampling`; `{i}` is the layer. */
  readonly bind: readonly string[];
  readonly grid: readonly [Extent, Extent, Extent];
  /** Dispatches with equal `layers` that follow each other are repeated together for each layer in the half-open range. */
  readonly layers?: readonly [from: number, to: number];
}
