import { describe, expect, it } from 'vitest';
import { dim } from '../../src/compiler/check/dims.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttentionNode, AttnModule, LinearNode, Node, TensorDecl } from '../../src/compiler/ir/nodes.ts';
import { verifyModule } from '../../src/compiler/ir/verify.ts';
import { allSpecs, exampleSpec, shapedFrom } from './specs.ts';

describe('modules that are lowered', () => {
  it('are sound, for every example and reference case', async () => {
    const specs = await allSpecs();
    expect(specs.size).toBeGreaterThan(20);
    for (const [name, shaped] of specs) expect(verifyModule(lower(shaped)), name).toEqual([]);
  });
});

const module = lower(await exampleSpec('shakespeare-xt-mem-mqa'));
const normed = lower(
  shapedFrom(
    'normed.yaml',
    'gqac: 1\nname: a\nattention: { hidden: 8, q_heads: 2, kv_heads: 1, head_dim: 6, qk_norm: { kind: l2, groups: 3 }, rope: { dim: 4, pairing: half }, memory_kv: { slots: 2, normalized: true } }',
  ),
);

/** The module with the first node that fits changed. */
function withNode<T extends Node>(
  original: AttnModule,
  fits: (node: Node) => node is T,
  change: (node: T) => Node,
): AttnModule {
  const index = original.nodes.findIndex((node) => fits(node));
  const node = original.nodes[index];
  if (node === undefined || !fits(node)) throw new Error('the module has no such node');
  return { ...original, nodes: original.nodes.with(index, change(node)) };
}

function withTensor(original: AttnModule, name: string, change: Partial<TensorDecl>): AttnModule {
  const tensor = original.tensors.get(name);
  if (tensor === undefined) throw new Error(`the module has no ${name}`);
  return { ...original, tensors: new Map([...original.tensors, [name, { ...tensor, ...change }]]) };
}

const isAttention = (node: Node): node is AttentionNode => node.op === 'attention';
const isLinear = (node: Node): node is LinearNode => node.op === 'linear';
const isAppend = (node: Node): node is Extract<Node, { op: 'append' }> => node.op === 'append';
const isQueryHeads = (node: Node): node is Extract<Node, { op: 'query_heads' }> => node.op === 'query_heads';
const isMemoryKeys = (node: Node): node is Extract<Node, { op: 'memory_keys' }> => node.op === 'memory_keys';

const mutations: readonly (readonly [what: string, mutated: AttnModule, problem: string])[] = [
  [
    'an undeclared tensor',
    withNode(module, isLinear, (node) => ({ ...node, x: 'elsewhere' })),
    'x names elsewhere, which is not declared',
  ],
  [
    'a wrong input width',
    withNode(module, isLinear, (node) => ({ ...node, inWidth: 191 })),
    'x normed is [B, I, 192], expected [B, I, 191]',
  ],
  [
    'a transposed weight',
    withTensor(module, 'layers.0.mlp.up.weight', { shape: [dim(192), dim(576)] }),
    'weight layers.0.mlp.up.weight is [192, 576], expected [576, 192]',
  ],
  [
    'memory keys with the query heads',
    withTensor(module, 'layers.0.attn.memory_k', { shape: [dim(6), dim(8), dim(32)] }),
    'memory.k layers.0.attn.memory_k is [6, 8, 32], expected [1, 8, 32]',
  ],
  [
    'a cache with the query heads',
    withTensor(module, 'layers.1.cache.k', { shape: [dim('B'), dim(6), dim('C'), dim(32)] }),
    'kCache layers.1.cache.k is [B, 6, C, 32], expected [B, 1, C, 32]',
  ],
  [
    'a cache of another dtype',
    withTensor(module, 'layers.1.cache.v', { dtype: 'f16' }),
    'vCache takes layers.1.cache.v for f32, it is f16',
  ],
  [
    'a write to a weight',
    withNode(module, isLinear, (node) => ({ ...node, out: node.weight })),
    'out writes layers.0.attn.q.weight, whose role is weight and not activation or output',
  ],
  [
    'a read before a write',
    { ...module, nodes: module.nodes.filter(({ op }) => op !== 'query_heads') },
    'q reads q before anything has written it',
  ],
  [
    'a weight that is not read',
    withNode(module, isLinear, (node) => ({ ...node, weight: 'layers.1.attn.q.weight' })),
    'weight layers.0.attn.q.weight is used by no node',
  ],
  [
    'an output that is not written',
    { ...module, nodes: module.nodes.slice(0, -1) },
    'output logits is used by no node',
  ],
  [
    'heads that do not divide',
    withNode(module, isAttention, (node) => ({ ...node, heads: { ...node.heads, kvHeads: 4 } })),
    '4 KV heads do not divide 6 query heads',
  ],
  [
    'a group size of another model',
    withNode(module, isAttention, (node) => ({ ...node, heads: { ...node.heads, queriesPerKv: 3 } })),
    '1 KV heads of 3 queries each do not make 6 query heads',
  ],
  [
    'memory columns without memory',
    withNode(module, isAttention, ({ memory: _, ...node }) => node),
    'has 8 memory columns, but no memory',
  ],
  [
    'memory without columns',
    withNode(module, isAttention, (node) => ({ ...node, columns: { zero: 0, memory: 0 } })),
    'has memory, but no columns for it',
  ],
  [
    'a rotation wider than the head',
    withNode(normed, isQueryHeads, (node) => ({
      ...node,
      ...(node.rotation && { rotation: { ...node.rotation, dim: 8 } }),
    })),
    "a rotated width of 8 is not even or not within the head's 6",
  ],
  [
    'norm groups that do not divide',
    withNode(normed, isMemoryKeys, (node) => ({ ...node, norms: node.norms.map((norm) => ({ ...norm, groups: 4 })) })),
    '4 norm groups do not divide a head of 6',
  ],
  [
    'swapped caches of different widths',
    withNode(normed, isAppend, (node) => ({ ...node, valueDim: 5 })),
    'v v_proj is [B, I, 1, 6], expected [B, I, 5]',
  ],
];

describe('a mutated module', () => {
  it.each(mutations)('with %s is refused', (_, mutated, problem) => {
    const problems = verifyModule(mutated);
    expect(problems.map((text) => text.replace(/^node \d+ \([^)]*\): /, ''))).toContain(problem);
  });

  it('names the node and its layer', () => {
    const [problem] = verifyModule(withNode(module, isAttention, (node) => ({ ...node, scale: Number.NaN })));
    expect(problem).toBe('node 7 (attention of layer 0): the scale is NaN');
  });
});
