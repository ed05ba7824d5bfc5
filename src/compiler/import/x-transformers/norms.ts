import { assume, compact, type DraftValue, type ImportLog, type SpecDraft, say } from '../draft.ts';
import type { FieldReader } from '../fields.ts';

/** Options of the spec, and its weights by their names within `attn.` with the source's names. */
export interface Part {
  readonly options: Readonly<Record<string, DraftValue | undefined>>;
  readonly names: Readonly<Record<string, string>>;
}

export interface QkNormPart extends Part {
  /** `memory_kv.normalized`, where all norms agree on it; else they say it themselves. */
  readonly normalized: boolean | undefined;
}

interface Norm {
  readonly draft: SpecDraft;
  readonly memory: boolean;
  /** Weights of q and k in the source. */
  readonly weights: { readonly q?: string; readonly k?: string };
}

const perHeadGamma = { kind: 'rms', eps: 0, unit_offset: true, weight: 'per_head' } as const;

/** `qk_norm` is by length and comes before `q_rmsnorm` and `k_rmsnorm`, which leave memory keys alone. */
export function importQkNorms(fields: FieldReader, memory: boolean, log: ImportLog): QkNormPart {
  const lengths = importLengthNorms(fields, memory, log);
  const norms = [...lengths.norms, ...importRmsNorms(fields, memory, lengths.norms.length > 0, log)];
  if (norms.length > 2) {
    const place = fields.path('qk_norm_groups');
    say(log, 'IMP002', place, `${place} beside memory and an RMSNorm of q or k cannot be expressed in a spec yet`);
  }
  const [first, second] = norms;
  const names = norms.flatMap(({ weights }, index) =>
    Object.entries(weights).map(([of, source]) => [`${of}_norm${index === 0 ? '' : index + 1}.weight`, source]),
  );
  if (first === undefined) return { options: {}, names: {}, normalized: undefined };
  const drafts = norms.map(({ draft, ...norm }) =>
    memory && draft.k !== false ? { ...draft, memory: norm.memory } : draft,
  );
  return {
    options: { scale: lengths.scale, qk_norm: second === undefined ? first.draft : drafts },
    names: Object.fromEntries(names),
    normalized: second === undefined && first.draft.k !== false ? first.memory : undefined,
  };
}

function importLengthNorms(
  fields: FieldReader,
  memory: boolean,
  log: ImportLog,
): { readonly scale: number | undefined; readonly norms: readonly Norm[] } {
  const wanted = fields.boolean('qk_norm', false);
  const scale = fields.number('qk_norm_scale') ?? 10;
  const groups = fields.positiveInteger('qk_norm_groups') ?? 1;
  const dimScale = fields.boolean('qk_norm_dim_scale', false);
  const place = fields.path('qk_norm');
  if (!wanted) {
    const unused = fields.path('qk_norm_dim_scale');
    if (dimScale) say(log, 'IMP004', unused, `${unused} has no effect without qk_norm`);
    return { scale: undefined, norms: [] };
  }
  const learned = dimScale ? { weight: 'per_head' } : {};
  const weights = dimScale ? { q: 'qk_norm_q_scale', k: 'qk_norm_k_scale' } : {};
  if (dimScale) assume(log, 'attention.qk_norm', place, 'with qk_norm_dim_scale the logit scale is dim_head ** -0.5');
  else assume(log, 'attention.scale', place, 'with qk_norm the logit scale is qk_norm_scale');
  if (memory)
    assume(log, 'attention.memory_kv', fields.path('num_mem_kv'), 'x-transformers normalises memory keys with qk_norm');
  const whole: Norm = { draft: { kind: 'l2', ...learned }, memory: true, weights };
  const grouped: Norm = { draft: { kind: 'l2', groups, ...learned }, memory: !memory, weights };
  const logitScale = dimScale ? undefined : scale;
  if (groups === 1) return { scale: logitScale, norms: [whole] };
  if (!memory) return { scale: logitScale, norms: [grouped] };
  if (dimScale) {
    const refused = fields.path('qk_norm_groups');
    say(log, 'IMP002', refused, `${refused} beside memory and qk_norm_dim_scale cannot be expressed in a spec yet`);
  }
  // Memory keys are normalised as a whole there. For q and k the first norm changes nothing: the second undoes any factor.
  return { scale: logitScale, norms: [{ ...whole, weights: {} }, grouped] };
}

function importRmsNorms(fields: FieldReader, memory: boolean, second: boolean, log: ImportLog): readonly Norm[] {
  const both = fields.boolean('qk_rmsnorm', false);
  const q = fields.boolean('q_rmsnorm', false) || both;
  const k = fields.boolean('k_rmsnorm', false) || both;
  if (!q && !k) return [];
  const place = fields.path(both ? 'qk_rmsnorm' : q ? 'q_rmsnorm' : 'k_rmsnorm');
  if (second) assume(log, 'attention.qk_norm', place, 'x-transformers applies qk_norm before the RMSNorm of q and k');
  else assume(log, 'attention.qk_norm', place, 'x-transformers stores γ minus one for each head');
  if (memory && k && !second) {
    assume(log, 'attention.memory_kv', fields.path('num_mem_kv'), 'x-transformers applies no RMSNorm to memory keys');
  }
  const draft = compact({ ...perHeadGamma, q: q ? undefined : false, k: k ? undefined : false });
  return [
    { draft, memory: false, weights: { ...(q && { q: 'q_rmsnorm.gamma' }), ...(k && { k: 'k_rmsnorm.gamma' }) } },
  ];
}

export function importValueNorm(fields: FieldReader): Part {
  if (!fields.boolean('value_rmsnorm', false)) return { options: {}, names: {} };
  return { options: { value_norm: perHeadGamma }, names: { 'v_norm.weight': 'value_rmsnorm.gamma' } };
}
