/**
 * THE option table: every option of a spec, once. The JSON Schema, the validator, the TypeScript types, the reference page,
 * the defaults that `bind` fills in and the words of schema diagnostics are all derived from it.
 */
export type OptionNode =
  | MapOption
  | IntegerOption
  | NumberOption
  | BooleanOption
  | EnumOption
  | TextOption
  | ListOption
  | NamesOption;

/** The pass that reads the option; a plan in which no pass does so is refused. */
export type Stage = 'check' | 'lower' | 'plan' | 'emit' | 'runtime';

interface OptionBase {
  readonly doc: string;
  readonly consumedBy: Stage;
  /** First version of gqac that knows the option. */
  readonly since: string;
  readonly required?: true;
  /** For a default that depends on other options: the rule in words. `bind` computes it. */
  readonly derived?: string;
}

export interface MapOption extends OptionBase {
  readonly kind: 'map';
  /** `meaning`: absent and empty differ (no rope, or rope with defaults). `grouping`: absent is the same as all defaults. */
  readonly presence: 'meaning' | 'grouping';
  readonly entries: Readonly<Record<string, OptionNode>>;
  /** A bare value in place of the map stands for this key alone. */
  readonly shorthand?: string;
}

export interface IntegerOption extends OptionBase {
  readonly kind: 'integer';
  readonly min: number;
  readonly max: number;
  readonly default?: number;
  /** The only accepted value. */
  readonly exactly?: number;
}

export interface NumberOption extends OptionBase {
  readonly kind: 'number';
  readonly min?: number;
  readonly above?: number;
  readonly default?: number;
}

export interface BooleanOption extends OptionBase {
  readonly kind: 'boolean';
  readonly default?: boolean;
}

export interface EnumOption extends OptionBase {
  readonly kind: 'enum';
  readonly values: readonly string[];
  readonly default?: string;
}

export interface TextOption extends OptionBase {
  readonly kind: 'text';
  readonly pattern: string;
  /** What the pattern asks for, in words. */
  readonly form: string;
}

export interface ListOption extends OptionBase {
  readonly kind: 'list';
  readonly values: readonly string[];
  readonly default: readonly string[];
}

/** A map whose keys are the user's. */
export interface NamesOption extends OptionBase {
  readonly kind: 'names';
  readonly form: string;
}

const since = '0.1.0';
/** Bounds keep every index product below 2^53. */
const extent = { min: 1, max: 2 ** 24 };
const heads = { min: 1, max: 4096 };

export const options = {
  kind: 'map',
  presence: 'meaning',
  since,
  consumedBy: 'check',
  doc: 'The attention of a transformer, or a whole decoder, to be compiled to WGSL.',
  entries: {
    gqac: {
      kind: 'integer',
      min: 1,
      max: 1,
      exactly: 1,
      required: true,
      since,
      consumedBy: 'check',
      doc: 'Version of the spec language.',
    },
    name: {
      kind: 'text',
      pattern: '^[A-Za-z][A-Za-z0-9_]{0,62}$',
      form: 'a letter, then at most 62 letters, digits or underscores',
      required: true,
      since,
      consumedBy: 'emit',
      doc: 'Name of the module; generated identifiers begin with it.',
    },
    model: {
      kind: 'map',
      presence: 'meaning',
      since,
      consumedBy: 'lower',
      doc: 'The decoder around the attention. Without it the module is the attention alone.',
      entries: {
        vocab: { kind: 'integer', ...extent, required: true, since, consumedBy: 'lower', doc: 'Number of tokens.' },
        hidden: {
          kind: 'integer',
          ...extent,
          required: true,
          since,
          consumedBy: 'lower',
          doc: 'Width of the residual stream.',
        },
        layers: {
          kind: 'integer',
          min: 1,
          max: 1024,
          required: true,
          since,
          consumedBy: 'lower',
          doc: 'Number of layers.',
        },
        context: {
          kind: 'integer',
          ...extent,
          required: true,
          since,
          consumedBy: 'runtime',
          doc: 'Longest sequence, in tokens.',
        },
        tie_embeddings: {
          kind: 'boolean',
          default: false,
          since,
          consumedBy: 'lower',
          doc: 'The output head uses the token embedding.',
        },
        embedding_scale: { kind: 'number', default: 1, since, consumedBy: 'lower', doc: 'Factor on token embeddings.' },
        positions: {
          kind: 'map',
          presence: 'grouping',
          since,
          consumedBy: 'lower',
          doc: 'Positions added to the embeddings; rotary positions are `attention.rope`.',
          entries: {
            kind: {
              kind: 'enum',
              values: ['none', 'learned'],
              default: 'none',
              since,
              consumedBy: 'lower',
              doc: '`learned`: a table `[context, hidden]`.',
            },
            scale: { kind: 'number', default: 1, since, consumedBy: 'lower', doc: 'Factor on the learned positions.' },
          },
        },
        norm: {
          kind: 'map',
          presence: 'grouping',
          since,
          consumedBy: 'lower',
          doc: 'The norm before attention, before the MLP, and after the last layer.',
          entries: {
            kind: {
              kind: 'enum',
              values: ['rms', 'layer'],
              default: 'rms',
              since,
              consumedBy: 'lower',
              doc: '`rms`: x / sqrt(mean(x²) + eps) · γ. `layer`: (x − mean) / sqrt(variance + eps) · γ + β.',
            },
            eps: {
              kind: 'number',
              min: 0,
              derived: '1e-6 for `rms`, 1e-5 for `layer`',
              since,
              consumedBy: 'lower',
              doc: 'Added under the root.',
            },
            unit_offset: {
              kind: 'boolean',
              default: false,
              since,
              consumedBy: 'lower',
              doc: 'The checkpoint stores γ − 1.',
            },
            bias: {
              kind: 'boolean',
              derived: 'false for `rms`, true for `layer`',
              since,
              consumedBy: 'lower',
              doc: 'The norm has a bias β.',
            },
          },
        },
      },
    },
    attention: {
      kind: 'map',
      presence: 'meaning',
      required: true,
      since,
      consumedBy: 'lower',
      doc: 'The attention of every layer.',
      entries: {
        hidden: {
          kind: 'integer',
          ...extent,
          derived: '`model.hidden`; without a model and without this, q, k and v are given already split into heads',
          since,
          consumedBy: 'lower',
          doc: 'Width of the input and output when there is no `model`.',
        },
        q_heads: {
          kind: 'integer',
          ...heads,
          required: true,
          since,
          consumedBy: 'lower',
          doc: 'Number of query heads, H.',
        },
        kv_heads: {
          kind: 'integer',
          ...heads,
          derived: '`q_heads`',
          since,
          consumedBy: 'lower',
          doc: 'Number of key/value heads, K; must divide `q_heads`. Excludes `one_kv_head` and `group_size`.',
        },
        one_kv_head: {
          kind: 'boolean',
          default: false,
          since,
          consumedBy: 'lower',
          doc: 'One key/value head for all query heads.',
        },
        group_size: {
          kind: 'integer',
          ...heads,
          derived: '`q_heads / kv_heads`',
          since,
          consumedBy: 'lower',
          doc: 'Query heads that share a key/value head, G; may be given in place of `kv_heads`.',
        },
        group_order: {
          kind: 'enum',
          values: ['blocked', 'interleaved'],
          default: 'blocked',
          since,
          consumedBy: 'plan',
          doc: '`blocked`: query head h reads KV head floor(h / G). `interleaved`: it reads h mod K.',
        },
        head_dim: {
          kind: 'integer',
          ...heads,
          derived: '`hidden / q_heads`, required when there is no `hidden`',
          since,
          consumedBy: 'lower',
          doc: 'Width of queries and keys, D.',
        },
        value_dim: {
          kind: 'integer',
          ...heads,
          derived: '`head_dim`',
          since,
          consumedBy: 'lower',
          doc: 'Width of values, Dv.',
        },
        scale: {
          kind: 'number',
          derived: 'head_dim^-0.5; 10 with `qk_norm: { kind: l2 }`',
          since,
          consumedBy: 'lower',
          doc: 'Factor on q·k.',
        },
        qk_norm: {
          kind: 'map',
          presence: 'meaning',
          since,
          consumedBy: 'lower',
          doc: 'Norm of each query and key head, before rotation.',
          entries: {
            kind: {
              kind: 'enum',
              values: ['rms', 'l2'],
              required: true,
              since,
              consumedBy: 'lower',
              doc: '`rms`: with one learned γ `[D]` for queries and one for keys. `l2`: x / max(‖x‖, eps), nothing learned.',
            },
            eps: {
              kind: 'number',
              min: 0,
              derived: '1e-6 for `rms`, 1e-12 for `l2`',
              since,
              consumedBy: 'lower',
              doc: 'Keeps the division finite.',
            },
            groups: {
              kind: 'integer',
              ...heads,
              derived: '1',
              since,
              consumedBy: 'lower',
              doc: 'Equal parts of a head, each normalised by itself; `l2` only; must divide `head_dim`.',
            },
            unit_offset: {
              kind: 'boolean',
              derived: 'false',
              since,
              consumedBy: 'lower',
              doc: 'The checkpoint stores γ − 1; `rms` only.',
            },
          },
        },
        rope: {
          kind: 'map',
          presence: 'meaning',
          since,
          consumedBy: 'lower',
          doc: 'Rotary positions on queries and sequence keys; memory keys have no position.',
          entries: {
            dim: {
              kind: 'integer',
              ...heads,
              derived: '`head_dim`',
              since,
              consumedBy: 'lower',
              doc: 'Rotated width r, even: the first r entries of each head turn.',
            },
            base: {
              kind: 'number',
              above: 0,
              default: 10000,
              since,
              consumedBy: 'lower',
              doc: 'Entry pair e turns by position · base^(−2e / r).',
            },
            pairing: {
              kind: 'enum',
              values: ['half', 'interleaved'],
              derived: '`half`; must be written when the spec has `weights`',
              since,
              consumedBy: 'plan',
              doc: '`half`: entry e pairs with e + r/2. `interleaved`: 2e pairs with 2e + 1.',
            },
          },
        },
        memory_kv: {
          kind: 'map',
          presence: 'meaning',
          shorthand: 'slots',
          since,
          consumedBy: 'lower',
          doc: 'Learned key/value columns before the sequence, visible to every query.',
          entries: {
            slots: {
              kind: 'integer',
              min: 1,
              max: 65536,
              required: true,
              since,
              consumedBy: 'lower',
              doc: 'Number of memory columns, M.',
            },
            heads: {
              kind: 'integer',
              ...heads,
              derived: '`kv_heads`',
              since,
              consumedBy: 'check',
              doc: 'May be written, but always equals `kv_heads`.',
            },
            normalized: {
              kind: 'boolean',
              derived: 'false without `qk_norm`; must be written with it',
              since,
              consumedBy: 'lower',
              doc: 'The key norm applies to memory keys too.',
            },
          },
        },
        mask: {
          kind: 'map',
          presence: 'grouping',
          since,
          consumedBy: 'lower',
          doc: 'Which keys a query sees.',
          entries: {
            causal: {
              kind: 'boolean',
              default: false,
              since,
              consumedBy: 'lower',
              doc: 'Only keys up to the query’s own position.',
            },
          },
        },
        biases: {
          kind: 'list',
          values: ['q', 'k', 'v', 'o'],
          default: [],
          since,
          consumedBy: 'lower',
          doc: 'Projections that have a bias.',
        },
        cache: {
          kind: 'map',
          presence: 'grouping',
          since,
          consumedBy: 'plan',
          doc: 'The cache of keys and values.',
          entries: {
            dtype: {
              kind: 'enum',
              values: ['f32', 'f16'],
              default: 'f32',
              since,
              consumedBy: 'plan',
              doc: 'Storage of cached keys and values.',
            },
          },
        },
      },
    },
    mlp: {
      kind: 'map',
      presence: 'meaning',
      since,
      consumedBy: 'lower',
      doc: 'The feed-forward part of every layer; required with `model`, refused without.',
      entries: {
        kind: {
          kind: 'enum',
          values: ['gated', 'plain'],
          default: 'gated',
          since,
          consumedBy: 'lower',
          doc: '`gated`: down(act(gate(x)) · up(x)). `plain`: down(act(up(x))).',
        },
        activation: {
          kind: 'enum',
          values: ['silu', 'gelu', 'gelu_tanh', 'relu', 'relu2'],
          required: true,
          since,
          consumedBy: 'emit',
          doc: '`gelu` is exact (erf); `relu2` is relu(x)².',
        },
        width: { kind: 'integer', ...extent, required: true, since, consumedBy: 'lower', doc: 'Inner width.' },
        biases: {
          kind: 'list',
          values: ['up', 'gate', 'down'],
          default: [],
          since,
          consumedBy: 'lower',
          doc: 'Matrices that have a bias.',
        },
      },
    },
    weights: {
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
          doc: 'A `.safetensors` file beside the spec, or below its folder.',
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
    },
  },
} as const satisfies MapOption;

/** The option at a path such as `attention.rope.dim`; undefined for a path that the table does not have. */
export function optionAt(path: readonly string[]): OptionNode | undefined {
  let node: OptionNode | undefined = options;
  for (const step of path) {
    if (node?.kind !== 'map' || !Object.hasOwn(node.entries, step)) return undefined;
    node = node.entries[step];
  }
  return node;
}
