import { assume, type ImportLog, type SpecDraft, say } from '../draft.ts';
import { type ConfigObject, type FieldReader, isObject, readFields } from '../fields.ts';
import { biasDraft, shapeOf } from '../tensor-list.ts';
import { callTable } from './options.ts';

/** What one call of `Attention` is given beside its input. */
export interface CallPlan {
  readonly rope?: SpecDraft;
  readonly alibi?: SpecDraft;
  readonly t5?: SpecDraft;
  readonly bias?: SpecDraft;
  readonly padding?: 'keys' | 'keys_and_queries';
  /** Keys and values come from a context; the width of its rows, where the call tells. */
  readonly context?: { readonly width?: number };
}

const argumentTensors = ['mask', 'context', 'context_mask', 'attn_bias'] as const;

/**
 * In: arguments of a call of a bare `Attention`. Tensors cannot be written in JSON: they are `true`, or listed in `tensors` as
 * `in.mask: [dtype, shape]`.
 */
export function importCall(call: ConfigObject, tensors: ConfigObject, heads: number, log: ImportLog): CallPlan {
  const fields = readFields(call, (key) => `call.${key}`, log);
  const given = new Set<string>(
    argumentTensors.filter((key) => fields.boolean(key, false) || Object.hasOwn(tensors, `in.${key}`)),
  );
  const rope = importRotary(fields, log);
  const alibi = importAlibi(fields, heads, log);
  const t5 = importT5(fields, log);
  fields.finish(callTable);
  for (const name of Object.keys(tensors)) {
    const key = /^in\.(?!x$|grad_)(.*)$/.exec(name)?.[1];
    if (key === undefined || argumentTensors.some((known) => known === key)) continue;
    say(log, 'IMP002', `call.${key}`, `call.${key} changes the result and cannot be expressed in a spec yet`);
  }
  const width = shapeOf(tensors, 'in.context')?.at(-1);
  const padding = importPadding(given, log);
  return {
    ...(rope && { rope }),
    ...(alibi && { alibi }),
    ...(t5 && { t5 }),
    ...(given.has('attn_bias') && { bias: biasDraft(tensors, 'in.attn_bias') }),
    ...(padding && { padding }),
    ...(given.has('context') && { context: width === undefined ? {} : { width } }),
  };
}

/** A mask hides keys and makes the rows of hidden queries zero; a context mask hides keys only. */
function importPadding(given: ReadonlySet<string>, log: ImportLog): CallPlan['padding'] {
  const mask = given.has('mask');
  const contextMask = given.has('context_mask');
  if (mask && (contextMask || given.has('context'))) {
    const message =
      'call.mask: zero rows for some queries beside a context or a context_mask cannot be expressed in a spec yet';
    say(log, 'IMP002', 'call.mask', message);
  }
  if (contextMask) return 'keys';
  return mask ? 'keys_and_queries' : undefined;
}

/** RoPE of x-transformers: neighbours are turned together. */
export function ropeDraft(dim: number, base: number, place: string, log: ImportLog): SpecDraft {
  assume(log, 'attention.rope', place, 'x-transformers turns interleaved pairs');
  return { dim, base, pairing: 'interleaved' };
}

function importRotary(fields: FieldReader, log: ImportLog): SpecDraft | undefined {
  const inner = innerFields(fields, 'rotary_pos_emb', log);
  if (inner === undefined) return undefined;
  const dim = inner.requiredInteger('dim');
  const base = inner.number('base') ?? 10000;
  const style = inner.text('style') ?? 'interleaved pairs';
  finishPart(inner);
  if (style !== 'interleaved pairs') {
    const message = `${inner.path('style')} is ${style}, x-transformers has interleaved pairs only`;
    say(log, 'IMP005', inner.path('style'), message);
  }
  return dim === undefined ? undefined : ropeDraft(dim, base, fields.path('rotary_pos_emb'), log);
}

function importAlibi(fields: FieldReader, heads: number, log: ImportLog): SpecDraft | undefined {
  const inner = innerFields(fields, 'alibi', log);
  if (inner === undefined) return undefined;
  const biased = inner.positiveInteger('heads') ?? heads;
  const total = inner.positiveInteger('total_heads') ?? heads;
  finishPart(inner);
  if (total !== heads) {
    const place = inner.path('total_heads');
    say(log, 'IMP005', place, `${place} is ${total}, the attention has ${heads} heads`);
  }
  return { heads: biased };
}

function importT5(fields: FieldReader, log: ImportLog): SpecDraft | undefined {
  const inner = innerFields(fields, 't5_relative_bias', log);
  if (inner === undefined) return undefined;
  const buckets = inner.positiveInteger('num_buckets') ?? defaultBuckets;
  const maxDistance = inner.positiveInteger('max_distance') ?? defaultMaxDistance;
  const scale = inner.number('scale');
  const causal = inner.boolean('causal', false);
  finishPart(inner);
  if (scale === undefined)
    say(log, 'IMP005', inner.path('scale'), `${inner.path('scale')} is missing: add it to the call`);
  return t5Draft({ buckets, maxDistance, scale: scale ?? 1, causal });
}

export const defaultBuckets = 32;
export const defaultMaxDistance = 128;

export function t5Draft(bias: {
  readonly buckets: number;
  readonly maxDistance: number;
  readonly scale: number;
  readonly causal: boolean;
}): SpecDraft {
  const { buckets, maxDistance, scale, causal } = bias;
  return { buckets, max_distance: maxDistance, scale, bidirectional: !causal };
}

function innerFields(fields: FieldReader, key: string, log: ImportLog): FieldReader | undefined {
  const config = fields.object(key);
  return isObject(config) ? readFields(config, (inner) => `${fields.path(key)}.${inner}`, log) : undefined;
}

const finishPart = (fields: FieldReader) => fields.finish({ unsupported: {}, noEffect: [], silent: [] });
