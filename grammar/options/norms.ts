import { heads, type MapOption, type OptionNode, since } from '../option.ts';

const eps = (defaults: string) =>
  ({
    kind: 'number',
    min: 0,
    derived: defaults,
    since,
    consumedBy: 'lower',
    doc: 'Keeps the division finite.',
  }) as const;

const unitOffset = {
  kind: 'boolean',
  derived: 'false',
  since,
  consumedBy: 'lower',
  doc: 'The checkpoint stores γ − 1; not without a weight.',
} as const satisfies OptionNode;

/** `attention.qk_norm`. */
export const qkNorm = {
  kind: 'map',
  presence: 'meaning',
  maxItems: 2,
  since,
  consumedBy: 'lower',
  doc: 'Norm of each query and key head, before rotation; norms of a list follow each other.',
  entries: {
    kind: {
      kind: 'enum',
      values: ['rms', 'l2', 'layer'],
      required: true,
      since,
      consumedBy: 'lower',
      doc: '`rms`: x / sqrt(mean(x²) + eps) · γ. `l2`: x / max(‖x‖, eps) · γ. `layer`: (x − mean) / sqrt(variance + eps) · γ.',
    },
    eps: eps('1e-6 for `rms`, 1e-5 for `layer`, 1e-12 for `l2`'),
    groups: {
      kind: 'integer',
      ...heads,
      derived: '1',
      since,
      consumedBy: 'lower',
      doc: 'Equal parts of a head, each normalised by itself; must divide `head_dim`.',
    },
    unit_offset: unitOffset,
    weight: {
      kind: 'enum',
      values: ['none', 'shared', 'per_head', 'projection'],
      derived: '`none` for `l2`, else `shared`',
      since,
      consumedBy: 'lower',
      doc: '`none`: γ = 1. `shared`: one γ `[D]` for all query heads, one for all key heads. `per_head`: `[H, D]` and `[K, D]`. `projection`: the mean is taken over all heads together, γ `[H·D]` and `[K·D]`.',
    },
    bias: {
      kind: 'boolean',
      derived: 'false',
      since,
      consumedBy: 'lower',
      doc: 'The norm has a bias β of the shape of γ; not without a weight, and not in a list of two.',
    },
    q: { kind: 'boolean', derived: 'true', since, consumedBy: 'lower', doc: 'Applies to queries.' },
    k: { kind: 'boolean', derived: 'true', since, consumedBy: 'lower', doc: 'Applies to keys.' },
    memory: {
      kind: 'boolean',
      derived: '`memory_kv.normalized`',
      since,
      consumedBy: 'lower',
      doc: 'Applies to memory keys; not without `k`.',
    },
  },
} as const satisfies MapOption;

/** `attention.value_norm`. */
export const valueNorm = {
  kind: 'map',
  presence: 'meaning',
  shorthand: 'kind',
  since,
  consumedBy: 'lower',
  doc: 'Norm of each value head, before it is cached; memory values are left as they are.',
  entries: {
    kind: { kind: 'enum', values: ['rms'], default: 'rms', since, consumedBy: 'lower', doc: 'As in `qk_norm`.' },
    eps: eps('1e-6'),
    unit_offset: unitOffset,
    weight: {
      kind: 'enum',
      values: ['per_head', 'shared'],
      default: 'per_head',
      since,
      consumedBy: 'lower',
      doc: '`per_head`: γ `[K, Dv]`. `shared`: one γ `[Dv]` for all heads.',
    },
  },
} as const satisfies MapOption;

/** `attention.value_residual`. */
export const valueResidual = {
  kind: 'map',
  presence: 'meaning',
  shorthand: 'mix',
  since,
  consumedBy: 'lower',
  doc: 'From the second layer on, values are v₀ + m · (v − v₀) with the first layer’s values v₀; before `value_norm`.',
  entries: {
    mix: {
      kind: 'number',
      min: 0,
      max: 1,
      word: 'learned',
      default: 0.5,
      since,
      consumedBy: 'lower',
      doc: 'm; `learned`: σ(x·W + b) for each KV head, W `[K, hidden]`.',
    },
  },
} as const satisfies MapOption;
