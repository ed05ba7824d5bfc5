import type { AttentionNode } from '../../src/compiler/ir/nodes.ts';
import { createOracle, type OracleInput } from '../../src/compiler/oracle/oracle.ts';
import { moduleOf } from './module.ts';

export const given = { inputs: ['q', 'k', 'v'], outputs: ['out'] };

export const unmasked = { causal: false, documents: false, memoryVisible: 'always', padding: 'none' } as const;
export const causal = { ...unmasked, causal: true } as const;

export function attention(changes: Partial<AttentionNode> = {}): AttentionNode {
  return {
    op: 'attention',
    q: 'q',
    k: 'k',
    v: 'v',
    keyLayout: 'tokens-first',
    keyDtype: 'f32',
    columns: { zero: 0, memory: 0 },
    heads: { qHeads: 1, kvHeads: 1, queriesPerKv: 1, order: 'blocked' },
    headDim: 1,
    valueDim: 1,
    similarity: 'dot',
    scale: 1,
    cross: false,
    mask: unmasked,
    mixing: {},
    parameters: [],
    normalizer: { kind: 'softmax' },
    out: 'out',
    ...changes,
  };
}

export interface Given {
  readonly batch?: number;
  readonly tokens: number;
  readonly keys: number;
  readonly q: readonly number[];
  readonly k: readonly number[];
  readonly v: readonly number[];
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  readonly keyMask?: readonly number[];
  readonly bias?: OracleInput;
}

export function run(
  node: AttentionNode,
  input: Given,
  call: { counts?: readonly number[]; keyCounts?: readonly number[] } = {},
) {
  const { batch = 1, tokens, keys, weights = {}, keyMask, bias } = input;
  const { headDim, valueDim, heads } = node;
  const shapes = Object.fromEntries(Object.entries(weights).map(([name, data]) => [name, [data.length]]));
  const names = [...given.inputs, ...(keyMask ? ['key_mask'] : []), ...(bias ? ['bias'] : [])];
  const module = moduleOf([node], { ...given, inputs: names }, shapes);
  const oracle = createOracle(module, new Map(Object.entries(weights)), { batch, capacity: 0 });
  const inputs = new Map<string, OracleInput>([
    ['q', { data: input.q, shape: [batch, tokens, heads.qHeads, headDim] }],
    ['k', { data: input.k, shape: [batch, keys, heads.kvHeads, headDim] }],
    ['v', { data: input.v, shape: [batch, keys, heads.kvHeads, valueDim] }],
  ]);
  if (keyMask) inputs.set('key_mask', { data: keyMask, shape: [batch, keys] });
  if (bias) inputs.set('bias', bias);
  return [...(oracle.forward({ inputs, ...call }).get('out')?.data ?? [])];
}
