import type { LatentShape, RopeShape } from '../check/shaped-spec.ts';
import type { ModelFacts } from './model-facts.ts';

type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A model's row as JSON. A value that layers do not share is a list. What does not apply is null. */
export function factsJson(facts: ModelFacts): Readonly<Record<string, JsonValue>> {
  const { attentionFlops } = facts;
  return {
    name: facts.name,
    layers: facts.layers,
    hidden: facts.hidden ?? null,
    vocab: facts.vocab ?? null,
    context: facts.context ?? null,
    q_heads: oneOrList(facts.qHeads),
    kv_heads: oneOrList(facts.kvHeads),
    group_size: oneOrList(facts.groupSize),
    head_dim: oneOrList(facts.headDim),
    value_dim: oneOrList(facts.valueDim),
    mla: facts.latent === undefined ? null : latentJson(facts.latent),
    window_pattern: facts.windows.every((window) => window === null) ? null : facts.windows,
    positions: facts.positions,
    rope: facts.ropes.length === 0 ? null : oneOrList(facts.ropes.map(ropeJson)),
    norm: facts.norm ?? null,
    mlp: facts.mlp ?? null,
    sinks: facts.sinks,
    memory: oneOrList(facts.memorySlots),
    memory_bytes: { ...facts.memoryBytes },
    parameters: facts.parameters,
    parameters_active: facts.parametersActive,
    kv_bytes_per_token: { ...facts.kvBytesPerToken },
    kv_bytes_at_context: facts.kvBytesAtContext === undefined ? null : { ...facts.kvBytesAtContext },
    kv_bytes_per_token_stored: facts.kvBytesStored.perToken,
    kv_bytes_at_context_stored: facts.kvBytesStored.atContext ?? null,
    kv_times_smaller_than_mha: facts.timesSmallerThanMha,
    attention_flops_per_token:
      attentionFlops === undefined ? null : attentionFlops.projections + attentionFlops.columns,
    attention_flops: attentionFlops === undefined ? null : { ...attentionFlops },
  };
}

function oneOrList<T extends JsonValue>(values: readonly T[]): T | readonly T[] {
  const [first] = values;
  return values.length === 1 && first !== undefined ? first : values;
}

function latentJson({ qRank, kvRank, nopeDim, ropeDim }: LatentShape): JsonValue {
  return { q_rank: qRank ?? null, kv_rank: kvRank, nope_dim: nopeDim, rope_dim: ropeDim };
}

function ropeJson({ dim, base, pairing, lastHeads, scaling }: RopeShape): JsonValue {
  const heads = lastHeads === undefined ? {} : { heads: lastHeads };
  return { dim, base, pairing, ...heads, scaling: scaling?.kind ?? null };
}

/** The same values under one name each (`kv_bytes_per_token.f16`), lists as text; `positions` says what `rope` says. */
export function flatFacts(facts: ModelFacts): ReadonlyMap<string, string | number | boolean | null> {
  const flat = new Map<string, string | number | boolean | null>();
  const { rope, ...values } = factsJson(facts);
  for (const [name, value] of Object.entries(values)) flatten(name, value, flat);
  return flat;
}

/** Groups that do not apply have the names of their values still: every row has the same columns. */
const groups: Readonly<Record<string, readonly string[]>> = {
  mla: ['q_rank', 'kv_rank', 'nope_dim', 'rope_dim'],
  kv_bytes_at_context: ['f32', 'f16', 'int8'],
  attention_flops: ['projections', 'columns'],
};

function flatten(name: string, value: JsonValue, into: Map<string, string | number | boolean | null>): void {
  if (value === null && groups[name] !== undefined) for (const part of groups[name]) into.set(`${name}.${part}`, null);
  else if (value === null || typeof value !== 'object') into.set(name, value);
  else if (isList(value)) into.set(name, value.map((entry) => entry ?? 'all').join(' '));
  else for (const [part, inner] of Object.entries(value)) flatten(`${name}.${part}`, inner, into);
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);
