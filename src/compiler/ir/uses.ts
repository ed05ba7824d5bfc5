import { type Dim, dim } from '../check/dims.ts';
import type { HeadNorm, Node, Rotation, TensorDecl } from './nodes.ts';

const B = dim('B');
const I = dim('I');
const J = dim('J');
const C = dim('C');
const L = dim('L');

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
      const { hidden, positions } = node;
      return [
        { ...read('ids', node.ids, [B, I], 1, ['input']), dtypes: ['u32'] },
        ...table('table', node.table, hidden),
        ...(positions ? table('positions.table', positions.table, hidden) : []),
        write('out', node.out, [B, I], hidden),
      ];
    }
    case 'norm': {
      const { width } = node;
      return [
        read('x', node.x, [B, I], width, data),
        ...vector('weight', node.weight, width),
        ...vector('bias', node.bias, width),
        write('out', node.out, [B, I], width),
      ];
    }
    case 'linear': {
      const { inWidth, outWidth, gate, accumulate, rows } = node;
      const out = write('out', node.out, rows === 'logits' ? [L] : [B, I], outWidth);
      return [
        read('x', node.x, [B, I], inWidth, data),
        read('weight', node.weight, [dim(outWidth)], inWidth, weights),
        ...vector('bias', node.bias, outWidth),
        ...(gate ? [read('gate.weight', gate.weight, [dim(outWidth)], inWidth, weights)] : []),
        ...vector('gate.bias', gate?.bias, outWidth),
        accumulate ? { ...out, access: 'update' } : out,
      ];
    }
    case 'query_heads': {
      const { heads, headDim, norm, rotation } = node;
      return [
        read('x', node.x, [B, I], heads * headDim, data),
        ...headNorm(norm, headDim),
        ...rotationTable(rotation),
        write('out', node.out, [B, I, dim(heads)], headDim),
      ];
    }
    case 'append': {
      const { kvHeads, headDim, valueDim, norm, rotation } = node;
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
        read('k', node.k, [B, I], kvHeads * headDim, data),
        read('v', node.v, [B, I], kvHeads * valueDim, data),
        ...headNorm(norm, headDim),
        ...rotationTable(rotation),
        cache('kCache', node.kCache, headDim),
        cache('vCache', node.vCache, valueDim),
      ];
    }
    case 'memory_keys': {
      const outer = [dim(node.kvHeads), dim(node.slots)];
      return [
        read('memory', node.memory, outer, node.headDim, weights),
        ...headNorm(node.norm, node.headDim),
        { ...write('out', node.out, outer, node.headDim), roles: ['prepared'] },
      ];
    }
    case 'attention': {
      const { heads, headDim, valueDim, memory, columns, keyLayout } = node;
      const outer = keyLayout === 'heads-first' ? [B, dim(heads.kvHeads), C] : [B, J, dim(heads.kvHeads)];
      const roles: Use['roles'] = keyLayout === 'heads-first' ? ['cache'] : ['input', 'activation'];
      const slots = [dim(heads.kvHeads), dim(columns.memory)];
      return [
        read('q', node.q, [B, I, dim(heads.qHeads)], headDim, data),
        { ...read('k', node.k, outer, headDim, roles), dtypes: [node.keyDtype] },
        { ...read('v', node.v, outer, valueDim, roles), dtypes: [node.keyDtype] },
        ...(memory ? [{ ...read('memory.k', memory.k, slots, headDim, ['weight', 'prepared']), dtypes: f32 }] : []),
        ...(memory ? [{ ...read('memory.v', memory.v, slots, valueDim, weights), dtypes: f32 }] : []),
        write('out', node.out, [B, I, dim(heads.qHeads)], valueDim),
      ];
    }
  }
}

const f32: readonly TensorDecl['dtype'][] = ['f32'];

function read(field: string, tensor: string, outer: readonly Dim[], width: number, roles: Use['roles']): Use {
  return { tensor, field, access: 'read', outer, width, roles };
}

function write(field: string, tensor: string, outer: readonly Dim[], width: number): Use {
  return { tensor, field, access: 'write', outer, width, roles: results, dtypes: f32 };
}

/** A matrix with any number of rows of `width`. */
const table = (field: string, tensor: string, width: number): readonly Use[] => [
  { ...read(field, tensor, [], width, weights), outer: 'any rows' },
];

const vector = (field: string, tensor: string | undefined, width: number): readonly Use[] =>
  tensor === undefined ? [] : [{ ...read(field, tensor, [], width, weights), dtypes: f32 }];

const headNorm = (norm: HeadNorm | undefined, headDim: number) => vector('norm.weight', norm?.weight, headDim);

const rotationTable = (rotation: Rotation | undefined): readonly Use[] =>
  rotation === undefined ? [] : [read('rotation.table', rotation.table, [C, dim(rotation.dim / 2)], 2, ['table'])];
