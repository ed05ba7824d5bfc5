import { repeat, wgsl } from '../../wgsl.ts';

/** From the scores of `attention_split_subgroups` to weights: what lanes do between keys and values. */

/** What the text calls the token of a workgroup, and its number among those of all sequences. */
export interface Tokens {
  readonly place: string;
  readonly token: string;
  readonly index: string;
  /** Of `logits_of`. */
  readonly arguments: string;
  readonly parameters: string;
}

export const oneToken: Tokens = {
  place: 'let batch = group.z;',
  token: '0u',
  index: 'batch',
  arguments: 'sequence, batch, kv_head, first_member',
  parameters: 'sequence: Sequence, batch: u32, kv_head: u32, first_member: u32',
};

export const eachToken: Tokens = {
  place: 'let batch = group.z / step.tokens;\nlet token = group.z % step.tokens;',
  token: 'token',
  index: 'group.z',
  arguments: 'sequence, batch, token, kv_head, first_member',
  parameters: 'sequence: Sequence, batch: u32, token: u32, kv_head: u32, first_member: u32',
};

/** The key column that has an index among the visible ones. */
export type ColumnAt = (index: string) => string;

/** A lane's own column n, whose scores it makes weights of. */
const ownKey = (n: number) => (n === 0 ? 'lane' : `lane + ${n}u * THREADS`);

/** Of an own column's key and value: on their way while keys are read. */
export const readScales = (columnAt: ColumnAt) => (n: number) =>
  wgsl`
  let column${n} = ${columnAt(`min(first + ${ownKey(n)}, last)`)};
  let scales${n} = vec2f(keys_scale(batch, kv_head, column${n}), values_scale(batch, kv_head, column${n}));`;

/** From scores to weights, each lane its own columns. Columns beyond the part, up to whole turns of reads, weigh nothing. */
interface Softmax {
  readonly extent: string;
  readonly maxima: string;
  readonly sums: string;
}

export const softmaxInMemory = (columnAt: ColumnAt, place: string): Softmax => ({
  extent: 'let filled = (max(count, 1u) + COLUMNS_AT_ONCE - 1u) / COLUMNS_AT_ONCE * COLUMNS_AT_ONCE;',
  maxima: wgsl`
    for (var key = lane; key < filled; key += THREADS) {
      var logits = vec4f(MASKED);
      if (key < count) {
        logits = logits_of(scratch[key], ${place}, ${columnAt('first + key')});
      }
      scratch[key] = logits;
      maximum = max(maximum, logits);
    }`,
  sums: wgsl`
    for (var key = lane; key < filled; key += THREADS) {
      let weights = select(exp2(scratch[key] - maximum), vec4f(0), scratch[key] <= vec4f(MASKED));
      scratch[key] = weights;
      sum += weights;
    }`,
});

/** Written out: the scales that were read ahead are in registers. */
export function softmaxInRegisters(columns: number, place: string): Softmax {
  return {
    extent: '',
    maxima: repeat(
      columns,
      (n) => wgsl`
        let scaled${n} = scales${n}.x * scratch[${ownKey(n)}];
        let logits${n} = select(vec4f(MASKED), logits_of(scaled${n}, ${place}, column${n}), ${ownKey(n)} < count);
        maximum = max(maximum, logits${n});`,
    ),
    sums: repeat(
      columns,
      (n) => wgsl`
        let weights${n} = select(exp2(logits${n} - maximum), vec4f(0), logits${n} <= vec4f(MASKED));
        scratch[${ownKey(n)}] = weights${n} * scales${n}.y;
        sum += weights${n};`,
    ),
  };
}

export const logitsOf = (plain: boolean, { parameters, token }: Tokens) => wgsl`
  /** Logits of four heads, in units of log2. */
  fn logits_of(products: vec4f, ${parameters}, column: u32) -> vec4f {
    ${plain ? 'return products * SCALE_LOG2E;' : logitOfEach(token)}
  }`;

const logitOfEach = (token: string) => wgsl`
  var logits = products * SCALE;
  for (var h = 0u; h < 4u; h++) {
    let head = query_head(kv_head, min(first_member + h, QUERIES_PER_KV - 1u));
    logits[h] = logit(logits[h], sequence, batch, head, ${token}, column);
  }
  return logits;`;
