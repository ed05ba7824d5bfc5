import type { LinearRowPlan } from '../plan/linear/kernel-plan.ts';
import type { MatrixStorage, QuantizedStorage } from '../plan/plan-base.ts';
import { type Binding, buffer } from './kernel.ts';
import { type HalvesParts, halvesOfCodes, quantizedBlock } from './quantized.ts';
import { decodedPair, halvesOf, loader, vectorBinding } from './storage.ts';
import { wgsl } from './wgsl.ts';

/** Quads that one load brings: of integers up to 16 bytes of them. */
export type BlockQuads = LinearRowPlan['blockQuads'];

/**
 * How `linear_row` and `linear_matrix` read a matrix: each row is a run of blocks of some quads. The number of quads and what is
 * here is all that these kernels know of how weights are stored: this is where another storage plugs in.
 */
export interface WeightParts {
  readonly binding: Binding;
  /** Last comes `fn NAME_dot(block: u32, x0: vec4f, …) -> f32`: a block times as many entries of x, an argument for each quad. */
  readonly dot: readonly string[];
  readonly halves: HalvesParts;
}

export function weightParts(name: string, storage: MatrixStorage, blockQuads: BlockQuads): WeightParts {
  if (typeof storage !== 'string' && blockQuads > 1) return integerParts(name, storage, blockQuads);
  const isWide = blockQuads === 2 && typeof storage === 'string' && storage !== 'f32';
  const values = isWide
    ? decodedPair(storage, 'raw')
    : blockQuads === 1
      ? [`load_${name}(block)`]
      : [`load_${name}(2u * block)`, `load_${name}(2u * block + 1u)`];
  const read = isWide ? `let raw = ${name}[block];` : '';
  const needed = isWide ? [] : loader(name, storage);
  const dot = wgsl`
    fn ${name}_dot(block: u32, ${parameters(values)}) -> f32 {
      ${read}
      return ${dots(values)};
    }`;
  const halves = wgsl`
    fn ${name}_halves(block: u32) -> vec4u {
      ${storage === 'f16' ? '' : read}
      return ${storage === 'f16' ? `${name}[block]` : halvesOf(values)};
    }`;
  return {
    // A load of two quads of 16 bits brings 16 bytes.
    binding: isWide ? buffer(name, 'vec4u') : vectorBinding(name, storage),
    dot: [...needed, dot],
    halves: { functions: [...needed, halves], fetch: `${name}_halves`, ofFetched: (fetched) => [fetched] },
  };
}

/** A block is of one group: its scale is applied to the sum. */
function integerParts(name: string, storage: QuantizedStorage, blockQuads: BlockQuads): WeightParts {
  const { binding, functions, group, unpack, quads } = quantizedBlock(name, storage, blockQuads);
  const dot = wgsl`
    fn ${name}_dot(block: u32, ${parameters(quads)}) -> f32 {
      let raw = ${name}[block];
      ${unpack.join('\n')}
      return ${name}_scale(${group}) * (${dots(quads)});
    }`;
  return { binding, dot: [...functions, dot], halves: halvesOfCodes(name, storage, blockQuads) };
}

const parameters = (quads: readonly string[]) => quads.map((_, index) => `x${index}: vec4f`).join(', ');

/** Two products on a line. */
function dots(quads: readonly string[]): string {
  const products = quads.map((quad, index) => `dot(x${index}, ${quad})`);
  const lines = products.flatMap((product, index) =>
    index % 2 === 0 ? [[product, ...products.slice(index + 1, index + 2)].join(' + ')] : [],
  );
  return lines.length === 1 ? lines.join() : `\n  ${lines.join(' +\n  ')}\n`;
}
