import type { MatrixStorage } from '../plan/plan-base.ts';
import type { Binding } from './kernel.ts';
import { type QuantizedPair, quantizedPair } from './quantized.ts';
import { decodedPair, halvesOf, loader, vectorBinding } from './storage.ts';
import { wgsl } from './wgsl.ts';

/**
 * How `linear_row` and `linear_matrix` read a matrix: each row is a run of blocks of one quad or two. The number of quads and what is
 * here is all that these kernels know of how weights are stored: this is where another storage plugs in.
 */
export interface WeightParts {
  readonly binding: Binding;
  /** Last comes `fn NAME_dot(block: u32, x0: vec4f, …) -> f32`: a block times as many entries of x, an argument for each quad. */
  readonly dot: readonly string[];
  /** Last comes `fn NAME_halves(block: u32) -> vec4u`: the eight entries of a block of two quads, as f16. */
  readonly halves: readonly string[];
}

export function weightParts(name: string, storage: MatrixStorage, blockQuads: 1 | 2): WeightParts {
  if (typeof storage !== 'string' && blockQuads === 2) return integerParts(name, quantizedPair(name, storage));
  const isWide = blockQuads === 2 && typeof storage === 'string' && storage !== 'f32';
  const values = isWide
    ? decodedPair(storage, 'raw')
    : blockQuads === 1
      ? [`load_${name}(block)`]
      : [`load_${name}(2u * block)`, `load_${name}(2u * block + 1u)`];
  const read = isWide ? `let raw = ${name}[block];` : '';
  const needed = isWide ? [] : [loader(name, storage)];
  const dot = wgsl`
    fn ${name}_dot(block: u32, ${values.map((_, index) => `x${index}: vec4f`).join(', ')}) -> f32 {
      ${read}
      return ${values.map((value, index) => `dot(x${index}, ${value})`).join(' + ')};
    }`;
  const halves = wgsl`
    fn ${name}_halves(block: u32) -> vec4u {
      ${storage === 'f16' ? '' : read}
      return ${storage === 'f16' ? `${name}[block]` : halvesOf(values)};
    }`;
  return {
    // A load of two quads of 16 bits brings 16 bytes.
    binding: isWide ? { name, access: 'read', type: 'array<vec4u>' } : vectorBinding(name, storage),
    dot: [...needed, dot],
    halves: [...needed, halves],
  };
}

/** A block is of one group: its scale is applied to the sum. */
function integerParts(name: string, { binding, scale, blocksOfGroup, quads }: QuantizedPair): WeightParts {
  const dot = wgsl`
    fn ${name}_dot(block: u32, x0: vec4f, x1: vec4f) -> f32 {
      let raw = ${name}[block];
      return ${name}_scale(block / ${blocksOfGroup}u) * (dot(x0, ${quads[0]}) + dot(x1, ${quads[1]}));
    }`;
  const halves = wgsl`
    fn ${name}_halves(block: u32) -> vec4u {
      let raw = ${name}[block];
      let scale = ${name}_scale(block / ${blocksOfGroup}u);
      return ${halvesOf(quads.map((quad) => `scale * (${quad})`))};
    }`;
  return { binding, dot: [scale, dot], halves: [scale, halves] };
}
