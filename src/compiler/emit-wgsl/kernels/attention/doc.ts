import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import type { Binding } from '../../kernel.ts';

/** A line of a kernel's head: the shapes and the options of the attention that it computes. */
export function attentionText({ heads, headDim, valueDim, columns, ...options }: AttentionOptions): string {
  const { qHeads, kvHeads } = heads;
  const entries = valueDim === headDim ? `${headDim} entries` : `${headDim} entries, values of ${valueDim}`;
  const count = (number: number, one: string) => (number === 0 ? '' : `${number} ${one}${number === 1 ? '' : 's'}`);
  const parts = [
    `${count(qHeads, 'query head')} on ${count(kvHeads, 'KV head')} of ${entries}`,
    ...maskTexts(options.mask),
    count(columns.zero, 'zero column'),
    count(columns.memory, 'memory slot'),
    ...logitTexts(options),
    options.active === undefined ? '' : 'without the heads that rest',
  ];
  return `${parts.filter((part) => part !== '').join(', ')}.`;
}

function maskTexts({ causal, window, chunk, prefix, padding, documents, where }: AttentionOptions['mask']) {
  return [
    causal ? 'causal' : '',
    window === undefined ? '' : `a window of ${window} keys`,
    chunk === undefined ? '' : `chunks of ${chunk} keys`,
    prefix === undefined ? '' : 'a prefix that all see',
    padding === 'none' ? '' : 'padding',
    documents ? 'documents' : '',
    where === undefined ? '' : 'a mask of its own',
  ];
}

type LogitOptions = Pick<
  AttentionOptions,
  'similarity' | 'softcap' | 'bias' | 'score' | 'alibiSlopes' | 't5' | 'sinks'
>;

function logitTexts({ similarity, softcap, bias, score, alibiSlopes, t5, sinks }: LogitOptions) {
  return [
    similarity === 'l2' ? 'squared distances' : '',
    alibiSlopes === undefined ? '' : 'ALiBi',
    t5 === undefined ? '' : 'T5 biases',
    bias === undefined ? '' : 'a bias tensor',
    softcap === undefined ? '' : `logits capped at ${softcap.cap}`,
    score === undefined ? '' : 'scores of its own',
    sinks ? 'sinks' : '',
  ];
}

/** The axes of the buffers that attention kernels share, behind their bindings. */
export function withAxes(options: AttentionOptions, bindings: readonly Binding[]): readonly Binding[] {
  const rows = '[sequence, token, query head, entry]';
  const columns = columnAxes(options);
  const slots = '[KV head, slot, entry]';
  const axes: Readonly<Record<string, string>> = {
    q: rows,
    out: rows,
    k: columns,
    v: columns,
    memory_k: slots,
    memory_v: slots,
    page_table: '[sequence, page of it]',
    key_mask: '[sequence, key]: 0 where it is hidden',
    documents: '[sequence, key]',
    sinks: '[query head]: a logit without a value',
    scores: '[sequence, query head, token, column]',
    pattern: '[sequence, query head, token, column]',
    partial_outputs: '[row, part of its columns, entry], not normalised',
    partial_sums: '[row, part]: what exponentials are relative to, in log2, and their sum',
  };
  return bindings.map((binding) => ({ ...binding, note: binding.note ?? axes[binding.name] }));
}

function columnAxes({ keyLayout, cacheLayout, keys }: AttentionOptions): string {
  const scaled = keys === 'int8' ? '; four rows behind their four scales' : '';
  if (keyLayout === 'tokens-first') return `[sequence, token, KV head, entry]${scaled}`;
  const row = { ring: 'sequence, KV head, position % RING_ROWS', paged: 'page, KV head, position in it' };
  return `[${cacheLayout === undefined ? 'sequence, KV head, position' : row[cacheLayout.kind]}, entry]${scaled}`;
}
