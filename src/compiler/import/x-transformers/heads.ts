import { assume, compact, type DraftValue, type ImportLog, say } from '../draft.ts';
import type { FieldReader } from '../fields.ts';
import type { Part } from './norms.ts';

export function importKvHeads(
  fields: FieldReader,
  heads: number,
  log: ImportLog,
): Readonly<Record<string, DraftValue>> {
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

/** What is done with a row of logits: talking heads, sinks, softmax and its relatives. `biased`: something is added to the logits. */
export function importLogits(fields: FieldReader, biased: boolean, log: ImportLog): Part {
  const mixing = [
    { option: 'pre_talking_heads', said: 'pre', name: 'mix_pre', source: 'pre_softmax_talking_heads' },
    { option: 'post_talking_heads', said: 'post', name: 'mix_post', source: 'post_softmax_talking_heads' },
    {
      option: 'pre_scale_post_talking_heads',
      said: 'pre_scale_post',
      name: 'mix_pre_scale_post',
      source: 'pre_scale_post_talking_heads',
    },
  ].filter(({ option }) => fields.boolean(option, false));
  const sinks = fields.boolean('head_learned_sink', false);
  const clamp = fields.boolean('softclamp_logits', false);
  const cap = fields.number('logit_softclamp_value') ?? 50;
  if (clamp && biased) {
    assume(log, 'attention.logits_order', fields.path('softclamp_logits'), 'x-transformers adds biases before it caps');
  }
  return {
    options: {
      sinks: sinks || undefined,
      softcap: clamp ? cap : undefined,
      logits_order: clamp && biased ? ['bias', 'cap'] : undefined,
      head_mixing: mixing.length > 0 ? mixing.map(({ said }) => said) : undefined,
      normalizer: importNormalizer(fields, log),
    },
    names: {
      ...(sinks && { sinks: 'attend.head_attn_sink' }),
      ...Object.fromEntries(mixing.map(({ name, source }) => [`${name}.weight`, `attend.${source}.weight`])),
    },
  };
}

function importNormalizer(fields: FieldReader, log: ImportLog): DraftValue | undefined {
  const sigmoid = fields.boolean('sigmoid', false);
  const topk = fields.positiveInteger('sparse_topk');
  if (sigmoid && topk !== undefined) {
    const place = fields.path('sigmoid');
    say(log, 'IMP005', place, `${place} and ${fields.path('sparse_topk')} exclude each other: keep one of them`);
  }
  if (sigmoid) return 'sigmoid';
  return topk === undefined ? undefined : { kind: 'topk', k: topk };
}

/** Factors on the heads' output. `outWidth` is that of the output projection. */
export function importGates(fields: FieldReader, outWidth: number, log: ImportLog): Part {
  const headScale = fields.boolean('head_scale', false);
  const head = fields.boolean('gate_value_heads', false);
  const value = fields.boolean('gate_values', false);
  const silu = fields.boolean('swiglu_values', false);
  const glu = fields.boolean('on_attn', false);
  if (silu && !value) {
    const place = fields.path('swiglu_values');
    say(log, 'IMP004', place, `${place} has no effect without gate_values`);
  }
  const gates = compact({
    head_scale: headScale || undefined,
    head: head || undefined,
    value: value ? (silu ? 'silu' : 'sigmoid') : undefined,
    output_glu: glu || undefined,
  });
  return {
    options: { gates: Object.keys(gates).length > 0 ? gates : undefined },
    names: {
      'o.weight': glu ? `to_out.0.weight[0:${outWidth}]` : 'to_out.weight',
      ...(glu && { 'o_gate.weight': `to_out.0.weight[${outWidth}:${2 * outWidth}]` }),
      ...(headScale && { head_scale: 'head_scale_params' }),
      ...(head && { 'head_gate.weight': 'to_v_head_gate.weight', 'head_gate.bias': 'to_v_head_gate.bias' }),
      ...(value && { 'value_gate.weight': 'to_v_gate.weight' }),
    },
  };
}
