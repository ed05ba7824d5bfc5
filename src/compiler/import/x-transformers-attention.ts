import { assume, compact, type DraftValue, type ImportLog, type SpecDraft, say } from './draft.ts';
import { type ConfigObject, type FieldReader, readFields } from './fields.ts';
import { attentionTable, callTable } from './x-transformers-options.ts';

export interface AttentionPlan {
  readonly options: SpecDraft;
  readonly memory: boolean;
}

export interface AttentionContext {
  readonly heads: number;
  readonly causal: boolean;
  readonly rope: SpecDraft | undefined;
}

export const defaultHeads = 8;
export const defaultHeadDim = 64;

/** In: the arguments of x-transformers' `Attention`. Out: the spec's `attention`. Reports what it cannot say. */
export function importAttention(fields: FieldReader, context: AttentionContext, log: ImportLog): AttentionPlan {
  const headDim = fields.positiveInteger('dim_head') ?? defaultHeadDim;
  const valueDim = fields.positiveInteger('value_dim_head');
  const memory = fields.integerFrom('num_mem_kv', 0) ?? 0;
  const kv = importKvHeads(fields, context.heads, log);
  const norm = importQkNorm(fields, log);
  const options = compact({
    q_heads: context.heads,
    ...kv,
    head_dim: headDim,
    value_dim: valueDim,
    ...norm,
    rope: context.rope,
    memory_kv:
      memory > 0 ? compact({ slots: memory, normalized: norm.qk_norm === undefined ? undefined : true }) : undefined,
    mask: context.causal ? { causal: true } : undefined,
  });
  if (memory > 0 && norm.qk_norm !== undefined) {
    assume(log, 'attention.memory_kv', fields.path('num_mem_kv'), 'x-transformers normalises memory keys with qk_norm');
  }
  fields.finish(attentionTable);
  return { options, memory: memory > 0 };
}

function importKvHeads(fields: FieldReader, heads: number, log: ImportLog): Readonly<Record<string, DraftValue>> {
  const one = fields.boolean('one_kv_head', false);
  const written = fields.positiveInteger('kv_heads');
  if (one && written !== undefined) {
    const place = fields.path('one_kv_head');
    say(log, 'IMP005', place, `${place} and ${fields.path('kv_heads')} exclude each other: keep one of them`);
  }
  const count: Readonly<Record<string, DraftValue>> = one ? { one_kv_head: true } : { kv_heads: written ?? heads };
  if (!one && (written ?? heads) === heads) return count;
  const place = fields.path(one ? 'one_kv_head' : 'kv_heads');
  assume(log, 'attention.group_order', place, 'in x-transformers query head h reads KV head h % kv_heads');
  return { ...count, group_order: 'interleaved' };
}

function importQkNorm(fields: FieldReader, log: ImportLog): Readonly<Record<string, DraftValue>> {
  if (!fields.boolean('qk_norm', false)) return {};
  const scale = fields.number('qk_norm_scale') ?? 10;
  const groups = fields.positiveInteger('qk_norm_groups') ?? 1;
  assume(log, 'attention.scale', fields.path('qk_norm'), 'with qk_norm the logit scale is qk_norm_scale');
  return { scale, qk_norm: groups === 1 ? { kind: 'l2' } : { kind: 'l2', groups } };
}

/** RoPE of x-transformers: neighbours are turned together. */
export function ropeDraft(dim: number, base: number, place: string, log: ImportLog): SpecDraft {
  assume(log, 'attention.rope', place, 'x-transformers turns interleaved pairs');
  return { dim, base, pairing: 'interleaved' };
}

/** What one call of a bare `Attention` is given: RoPE, if anything. */
export function importCall(call: ConfigObject, log: ImportLog): SpecDraft | undefined {
  const fields = readFields(call, (key) => `call.${key}`, log);
  const rotary = fields.object('rotary_pos_emb');
  fields.finish(callTable);
  if (rotary === undefined) return undefined;
  const inner = readFields(rotary, (key) => `call.rotary_pos_emb.${key}`, log);
  const dim = inner.requiredInteger('dim');
  const base = inner.number('base') ?? 10000;
  const style = inner.text('style') ?? 'interleaved pairs';
  inner.finish({ unsupported: {}, noEffect: [], silent: [] });
  if (style !== 'interleaved pairs') {
    say(
      log,
      'IMP005',
      inner.path('style'),
      `${inner.path('style')} is ${style}, x-transformers has interleaved pairs only`,
    );
  }
  return dim === undefined ? undefined : ropeDraft(dim, base, fields.path('rotary_pos_emb'), log);
}
