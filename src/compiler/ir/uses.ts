import { add, ceilDiv, type Dim, dim, elementCount } from '../check/dims.ts';
import type { AppendNode, AttentionNode, HeadNorm, Node, Rotation, TensorDecl } from './nodes.ts';

const B = dim('B');
const I = dim('I');
const J = dim('J');
const C = dim('C');
const L = dim('L');
const X = dim('X');

/**
 * One tensor of a node. `update` reads and writes. The tensor's shape must begin with `outer`, and its other axes must make
 * `width` elements: how the last axis is split into heads is the reader's business.
 */
export interface Use {
  readonly tensor: string;
  /** Field of the node that names it. */
  readonly field: string;
  readonly access: 'read' | 'write' | 'update';
  readonly outer: readonly Dim[] | 'any rows';
  readonly width: number;
  readonly roles: readonly TensorDecl['role'][];
  readonly dtypes?: readonly TensorDecl['dtype'][];
}

const data: Use['roles'] = ['input', 'activation', 'output'];
const results: Use['roles'] = ['activation', 'output'];
const weights: Use['roles'] = ['weight'];

/** Every tensor that a node touches, in the order in which it is touched. */
export function usesOf(node: Node): readonly Use[] {
  switch (node.op) {
    case 'embed': {
      const { width, tokens, positions, types } = node;
      return [
        ...(tokens ? [{ ...read('tokens.ids', tokens.ids, [B, I], 1, ['input']), dtypes: u32 }] : []),
        ...(tokens ? table('tokens.table', tokens.table, width) : []),
        ...(positions ? table('positions.table', positions.table, width, ['weight', 'table']) : []),
        ...(types ? table('types', types, width) : []),
        write('out', node.out, [B, I], width),
      ];
    }
    case 'norm': {
      const { width, xWidth = width, rest, heads, accumulate } = node;
      const rows = heads === undefined ? rowsOf(node) : [...rowsOf(node), dim(heads)];
      const out = write('out', node.out, rows, rest ? xWidth : width);
      return [
        read('x', node.x, rows, xWidth, data),
        ...vector('weight', node.weight, width),
        ...vector('bias', node.bias, width),
        accumulate ? { ...out, access: 'update' } : out,
      ];
    }
    case 'linear': {
      const { inputHeads, inWidth, outWidth, gate, accumulate, logits } = node;
      const out = write('out', node.out, logits ? [L] : rowsOf(node), outWidth);
      const rows = inputHeads === undefined ? rowsOf(node) : [...rowsOf(node), dim(inputHeads)];
      return [
        read('x', node.x, rows, inWidth, data),
        read('weight', node.weight, [dim(outWidth)], inWidth, weights),
        ...vector('bias', node.bias, outWidth),
        ...(gate ? [read('gate.weight', gate.weight, [dim(outWidth)], inWidth, weights)] : []),
        ...vector('gate.bias', gate?.bias, outWidth),
        accumulate ? { ...out, access: 'update' } : out,
      ];
    }
    case 'route': {
      const { logits, correction, experts, active, chosen, out } = node;
      return [
        read('logits', logits, [B, I], experts, data),
        ...vector('correction', correction, experts),
        { ...write('chosen', chosen, [B, I], active), dtypes: ['u32'] },
        write('out', out, [B, I], active),
      ];
    }
    case 'experts_up': {
      const { x, chosen, experts, active, inWidth, outWidth, gate, out } = node;
      const matrix = (field: string, tensor: string) =>
        read(field, tensor, [dim(experts), dim(outWidth)], inWidth, weights);
      return [
        read('x', x, [B, I], inWidth, data),
        { ...read('chosen', chosen, [B, I], active, data), dtypes: ['u32'] },
        matrix('weight', node.weight),
        ...expertBias('bias', node.bias, experts, outWidth),
        ...(gate ? [matrix('gate.weight', gate.weight)] : []),
        ...expertBias('gate.bias', gate?.bias, experts, outWidth),
        write('out', out, [B, I, dim(active)], outWidth),
      ];
    }
    case 'experts_down': {
      const { x, chosen, shares, experts, active, inWidth, outWidth, out } = node;
      const written = write('out', out, [B, I], outWidth);
      return [
        read('x', x, [B, I, dim(active)], inWidth, data),
        { ...read('chosen', chosen, [B, I], active, data), dtypes: ['u32'] },
        read('shares', shares, [B, I], active, data),
        read('weight', node.weight, [dim(experts), dim(outWidth)], inWidth, weights),
        ...expertBias('bias', node.bias, experts, outWidth),
        node.accumulate ? { ...written, access: 'update' } : written,
      ];
    }
    case 'latent_heads': {
      const { x, latent, heads, rank, ownDim, sharedDim, valueDim, k, out } = node;
      return [
        read('x', x, [B, I], heads * (ownDim + valueDim), data),
        read('latent', latent, [B, I], rank + sharedDim, data),
        write('k', k, [B, I], heads * (ownDim + sharedDim)),
        write('out', out, [B, I], heads * valueDim),
      ];
    }
    case 'latent_queries': {
      const { q, weight, heads, rank, ownDim, sharedDim, valueDim, out } = node;
      return [
        read('q', q, [B, I], heads * (ownDim + sharedDim), data),
        read('weight', weight, [dim(heads * (ownDim + valueDim))], rank, weights),
        write('out', out, [B, I, dim(heads)], rank + sharedDim),
      ];
    }
    case 'latent_values': {
      const { z, weight, heads, rank, ownDim, valueDim, out } = node;
      return [
        read('z', z, [B, I, dim(heads)], rank, data),
        read('weight', weight, [dim(heads * (ownDim + valueDim))], rank, weights),
        write('out', out, [B, I, dim(heads)], valueDim),
      ];
    }
    case 'query_heads': {
      const { heads, headDim, norms, rotation } = node;
      return [
        read('x', node.x, rowsOf(node), heads * headDim, data),
        ...headNorms(norms, heads, headDim),
        ...rotationTable(rotation),
        write('out', node.out, [...rowsOf(node), dim(heads)], headDim),
      ];
    }
    case 'append': {
      const { kvHeads, headDim, valueDim, norms, valueNorm, rotation } = node;
      const cache = (field: string, name: string, width: number): Use => ({
        tensor: name,
        field,
        access: 'update',
        outer: [B, dim(kvHeads), C],
        width,
        roles: ['cache'],
        dtypes: [node.cacheDtype],
      });
      return [
        read('k', node.k, rowsOf(node), kvHeads * headDim, data),
        ...(node.v === undefined ? [] : [read('v', node.v, rowsOf(node), kvHeads * valueDim, data)]),
        ...headNorms(norms, kvHeads, headDim),
        ...headNorms(valueNorm ? [valueNorm] : [], kvHeads, valueDim),
        ...rotationTable(rotation),
        ...pageTable(node),
        cache('kCache', node.kCache, headDim),
        ...(node.vCache === undefined ? [] : [cache('vCache', node.vCache, valueDim)]),
      ];
    }
    case 'memory_keys': {
      const outer = [dim(node.kvHeads), dim(node.slots)];
      return [
        read('memory', node.memory, outer, node.headDim, weights),
        ...headNorms(node.norms, node.kvHeads, node.headDim),
        { ...write('out', node.out, outer, node.headDim), roles: ['prepared'] },
      ];
    }
    case 'attention': {
      const { heads, headDim, valueDim, memory, columns, keyLayout } = node;
      const outer = keyLayout === 'heads-first' ? [B, dim(heads.kvHeads), C] : [B, J, dim(heads.kvHeads)];
      const roles: Use['roles'] = keyLayout === 'heads-first' ? ['cache'] : ['input', 'activation'];
      const slots = [dim(heads.kvHeads), dim(columns.memory)];
      return [
        { ...read('q', node.q, [B, I, dim(heads.qHeads)], headDim, data), dtypes: halves },
        { ...read('k', node.k, outer, headDim, roles), dtypes: [node.keyDtype] },
        ...(node.v === undefined ? [] : [{ ...read('v', node.v, outer, valueDim, roles), dtypes: [node.keyDtype] }]),
        ...(memory ? [{ ...read('memory.k', memory.k, slots, headDim, ['weight', 'prepared']), dtypes: f32 }] : []),
        ...(memory ? [{ ...read('memory.v', memory.v, slots, valueDim, weights), dtypes: f32 }] : []),
        ...pageTable(node),
        ...attentionExtras(node),
        ...keptRows(node),
        { ...write('out', node.out, [B, I, dim(heads.qHeads)], valueDim), dtypes: halves },
      ];
    }
    case 'mix_values': {
      const { kvHeads, valueDim, mix } = node;
      return [
        read('first', node.first, [B, I], kvHeads * valueDim, data),
        ...(typeof mix === 'number' ? [] : [read('mix.gate', mix.gate, [B, I], kvHeads, data)]),
        { ...write('out', node.out, [B, I], kvHeads * valueDim), access: 'update' },
      ];
    }
    case 'head_inputs': {
      const { x, edit, heads, width, out } = node;
      const rows = [B, I, dim(heads)];
      return [
        read('x', x, [B, I], width, data),
        read('edit', edit, rows, width, ['input']),
        write('out', out, rows, width),
      ];
    }
    case 'head_results': {
      const { z, heads, valueDim, width, weight, out } = node;
      return [
        read('z', z, [B, I, dim(heads)], valueDim, data),
        read('weight', weight, [dim(width)], heads * valueDim, weights),
        write('out', out, [B, I, dim(heads)], width),
      ];
    }
    case 'gate_heads': {
      const { heads, valueDim, scale, head, entry } = node;
      return [
        ...vector('scale', scale, heads),
        ...(head ? [read('head', head, [B, I], heads, data)] : []),
        ...(entry ? [read('entry', entry, [B, I], heads * valueDim, data)] : []),
        { ...write('out', node.out, [B, I, dim(heads)], valueDim), access: 'update' },
      ];
    }
  }
}

function keptRows({ kept, heads, columns }: AttentionNode): readonly Use[] {
  const outer = [B, dim(heads.qHeads), I, add(J, dim(columns.zero + columns.memory))];
  const use = (field: string, tensor: string | undefined) =>
    tensor === undefined ? [] : [write(field, tensor, outer, 1)];
  return [...use('kept.scores', kept?.scores), ...use('kept.pattern', kept?.pattern)];
}

/** The node works on the rows of a cross-attention's context, or attends to them. */
export const needsContext = (node: Node): boolean => node.rows === 'context' || (node.op === 'attention' && node.cross);

function pageTable({ pages, cacheLayout }: AppendNode | AttentionNode): readonly Use[] {
  if (pages === undefined || cacheLayout?.kind !== 'paged') return [];
  return [{ ...read('pages', pages, [B, ceilDiv(C, cacheLayout.pageSize)], 1, ['pages']), dtypes: ['u32'] }];
}

const headMask = (tensor: string | undefined, qHeads: number): readonly Use[] =>
  tensor === undefined ? [] : [{ ...read('active.mask', tensor, [dim(qHeads)], 1, ['input']), dtypes: ['u32'] }];

/** What the optional parts of an attention node read. */
function attentionExtras(node: AttentionNode): readonly Use[] {
  const { heads, active, keyMask, documents, bias, sinks, t5, mixing, parameters } = node;
  const { qHeads } = heads;
  const square = (field: string, tensor: string | undefined) =>
    tensor === undefined ? [] : [read(field, tensor, [dim(qHeads)], qHeads, weights)];
  const perKey = (field: string, tensor: string | undefined): readonly Use[] =>
    tensor === undefined ? [] : [{ ...read(field, tensor, [B, J], 1, ['input']), dtypes: ['u32'] }];
  return [
    ...perKey('keyMask', keyMask),
    ...perKey('documents', documents),
    ...headMask(active && 'mask' in active ? active.mask : undefined, qHeads),
    ...(bias
      ? [
          read(
            'bias',
            bias.tensor,
            [bias.perBatch ? B : dim(1), dim(bias.perHead ? (heads.numbers?.of.qHeads ?? qHeads) : 1), I, J],
            1,
            ['input'],
          ),
        ]
      : []),
    ...parameters.map(({ name, tensor, shape, runtime }): Use => {
      const width = elementCount(shape);
      return { ...read(`parameters.${name}`, tensor, [], width, runtime ? ['input'] : weights), dtypes: f32 };
    }),
    ...vector('sinks', sinks, qHeads),
    ...(t5 ? table('t5.table', t5.table, qHeads) : []),
    ...square('mixing.pre', mixing.pre),
    ...square('mixing.post', mixing.post),
    ...square('mixing.preScalePost', mixing.preScalePost),
  ];
}

const f32: readonly TensorDecl['dtype'][] = ['f32'];
/** What attention alone may be given, and give. */
const halves: readonly TensorDecl['dtype'][] = ['f32', 'f16'];
const u32: readonly TensorDecl['dtype'][] = ['u32'];

function read(field: string, tensor: string, outer: readonly Dim[], width: number, roles: Use['roles']): Use {
  return { tensor, field, access: 'read', outer, width, roles };
}

function write(field: string, tensor: string, outer: readonly Dim[], width: number): Use {
  return { tensor, field, access: 'write', outer, width, roles: results, dtypes: f32 };
}

/** A matrix with any number of rows of `width`. */
const table = (field: string, tensor: string, width: number, roles = weights): readonly Use[] => [
  { ...read(field, tensor, [], width, roles), outer: 'any rows' },
];

const vector = (field: string, tensor: string | undefined, width: number): readonly Use[] =>
  tensor === undefined ? [] : [{ ...read(field, tensor, [], width, weights), dtypes: f32 }];

const expertBias = (field: string, tensor: string | undefined, experts: number, width: number): readonly Use[] =>
  tensor === undefined ? [] : [{ ...read(field, tensor, [dim(experts)], width, weights), dtypes: f32 }];

const headNorms = (norms: readonly HeadNorm[], heads: number, headDim: number) =>
  norms.flatMap(({ tensor, biasTensor, weight }) => {
    const width = weight === 'per_head' ? heads * headDim : headDim;
    return [...vector('norm.tensor', tensor, width), ...vector('norm.biasTensor', biasTensor, width)];
  });

const rowsOf = ({ rows }: Node): readonly Dim[] => [B, rows === 'context' ? X : I];

const rotationTable = (rotation: Rotation | undefined): readonly Use[] =>
  rotation === undefined ? [] : [read('rotation.table', rotation.table, [C, dim(rotation.dim / 2)], 2, ['table'])];
