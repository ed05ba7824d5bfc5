import { assume, compact, type DraftValue, type ImportLog, type SpecDraft, say } from '../draft.ts';
import type { FieldReader } from '../fields.ts';
import type { CallPlan } from './call.ts';
import { importGates, importKvHeads, importLogits } from './heads.ts';
import { importQkNorms, importValueNorm } from './norms.ts';
import { attentionTable } from './options.ts';

export interface AttentionPlan {
  readonly options: SpecDraft;
  /** The source's names of the weights, by their names within `attn.`. */
  readonly names: Readonly<Record<string, string>>;
}

export interface AttentionContext {
  readonly heads: number;
  readonly causal: boolean;
  /** Width of the input, when it is known. */
  readonly hidden: number | undefined;
  /** Width of the output, when it is another one. */
  readonly outHidden?: number;
  readonly call: CallPlan;
  /** A layer of a `Decoder`: no context. */
  readonly inDecoder?: boolean;
  /** `rotate_num_heads`, with the place where it is written. */
  readonly rotatedHeads?: { readonly count: number; readonly place: string };
  readonly valueResidual?: 'learned' | 'half';
}

export const defaultHeads = 8;
export const defaultHeadDim = 64;

/** In: the arguments of x-transformers' `Attention`. Out: the spec's `attention`. Reports what it cannot say. */
export function importAttention(fields: FieldReader, context: AttentionContext, log: ImportLog): AttentionPlan {
  const { heads, call, hidden, outHidden = hidden } = context;
  const headDim = fields.positiveInteger('dim_head') ?? defaultHeadDim;
  const valueDim = fields.positiveInteger('value_dim_head');
  const memory = fields.integerFrom('num_mem_kv', 0) ?? 0;
  const zero = fields.boolean('add_zero_kv', false);
  const kv = importKvHeads(fields, heads, log);
  const norms = importQkNorms(fields, memory > 0, log);
  const valueNorm = importValueNorm(fields);
  const logits = importLogits(fields, Boolean(call.alibi ?? call.t5 ?? call.bias), log);
  const gates = importGates(fields, outHidden ?? 0, log);
  const residual = context.valueResidual;
  const options = compact({
    q_heads: heads,
    ...kv,
    head_dim: headDim,
    value_dim: valueDim,
    similarity: fields.boolean('l2_distance', false) ? 'l2' : undefined,
    ...norms.options,
    ...valueNorm.options,
    value_residual: residual && { mix: residual === 'learned' ? 'learned' : 0.5 },
    rope: importRope(context, log),
    alibi: call.alibi,
    t5_bias: call.t5,
    bias: call.bias,
    memory_kv: memory > 0 ? compact({ slots: memory, normalized: norms.normalized }) : undefined,
    zero_kv: zero || undefined,
    ...logits.options,
    ...gates.options,
    mask: importMask(fields, context, memory > 0 || zero, log),
    cross: importCross(fields, context, log),
  });
  if (context.causal) refuseLaterTokens(fields, log);
  fields.finish(attentionTable);
  return {
    options,
    names: {
      'q.weight': 'to_q.weight',
      'k.weight': 'to_k.weight',
      'v.weight': 'to_v.weight',
      ...gates.names,
      ...(memory > 0 && { memory_k: 'mem_k', memory_v: 'mem_v' }),
      ...norms.names,
      ...valueNorm.names,
      ...logits.names,
      ...(residual === 'learned' && {
        'value_residual.weight': 'to_value_residual_mix.0.weight',
        'value_residual.bias': 'to_value_residual_mix.0.bias',
      }),
    },
  };
}

/** Projections on the values of all tokens at once: whatever the mask hides, a token's result depends on those after it. */
const overAllTokens = ['orthog_projected_values', 'orthog_projected_values_per_head'];

function refuseLaterTokens(fields: FieldReader, log: ImportLog): void {
  for (const key of overAllTokens) {
    if (!fields.boolean(key, false)) continue;
    const place = fields.path(key);
    say(
      log,
      'CAU001',
      place,
      `${place} mixes the values of all tokens, those that the causal mask hides too: leave it out`,
    );
  }
}

function importRope({ call, heads, rotatedHeads }: AttentionContext, log: ImportLog): SpecDraft | undefined {
  if (call.rope === undefined) {
    if (rotatedHeads)
      say(log, 'IMP004', rotatedHeads.place, `${rotatedHeads.place} has no effect without rotary positions`);
    return undefined;
  }
  if (rotatedHeads === undefined || rotatedHeads.count === heads) return call.rope;
  return { ...call.rope, heads: rotatedHeads.count };
}

function importMask(
  fields: FieldReader,
  { causal, call }: AttentionContext,
  hasPrefix: boolean,
  log: ImportLog,
): DraftValue | undefined {
  const past = fields.integerFrom('max_attend_past', 0);
  const place = fields.path('max_attend_past');
  if (past !== undefined) {
    assume(
      log,
      'attention.mask',
      place,
      'max_attend_past counts the keys before the query, a window counts its own too',
    );
  }
  const mask = compact({
    causal: causal || undefined,
    window: past === undefined ? undefined : past + 1,
    memory: past !== undefined && hasPrefix ? 'always' : undefined,
    padding: call.padding,
  });
  return Object.keys(mask).length > 0 ? mask : undefined;
}

/** A context for keys and values: given in the call, or of another width than the input. */
function importCross(fields: FieldReader, context: AttentionContext, log: ImportLog): SpecDraft | undefined {
  const { call, hidden, causal, inDecoder } = context;
  const own = fields.positiveInteger('dim_context');
  const width = own ?? hidden;
  if (width === undefined || (call.context === undefined && width === hidden)) return undefined;
  if (inDecoder) {
    const place = fields.path('dim_context');
    say(log, 'IMP002', place, `${place}: only self-attention of a Decoder can be expressed in a spec yet`);
    return undefined;
  }
  const given = call.context?.width;
  if (given !== undefined && given !== width) {
    const message = `the context has rows of ${given}, the keys and values are made from ${width}`;
    say(log, 'IMP005', fields.path('dim_context'), message);
  }
  const selfOnly = [
    ['causal', causal],
    ['max_attend_past', fields.has('max_attend_past')],
    ['rotary_pos_emb', call.rope],
    ['alibi', call.alibi],
    ['t5_relative_bias', call.t5],
  ] as const;
  for (const [option, value] of selfOnly) {
    if (!value) continue;
    const place = option === 'causal' || option === 'max_attend_past' ? fields.path(option) : `call.${option}`;
    say(log, 'IMP002', place, `${place} in cross-attention cannot be expressed in a spec yet`);
  }
  return { width };
}
