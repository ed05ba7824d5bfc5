import type { QuantizedStorage } from '../plan/plan-base.ts';
import type { Binding } from './kernel.ts';
import { wgsl } from './wgsl.ts';

interface Codes {
  /** Bits of a code. */
  readonly bits: 4 | 8;
  /** The code that stands for zero. */
  readonly zero: number;
}

const codesOf: Readonly<Record<QuantizedStorage['dtype'], Codes>> = {
  int8: { bits: 8, zero: 128 },
  int4: { bits: 4, zero: 8 },
};

/**
 * Four codes from bit `shift` of a word on, as numbers around zero. A code in the lowest bits of 2^23 adds itself to it: taking away 2^23
 * and the zero makes a number of it without a conversion, of which a GPU does few at a time.
 */
function quadOf({ bits, zero }: Codes, word: string, shift = 0): string {
  const shifts = [0, 1, 2, 3].map((n) => `${shift + n * bits}u`).join(', ');
  const codes = `((vec4u(${word}) >> vec4u(${shifts})) & vec4u(${2 ** bits - 1}u))`;
  return `bitcast<vec4f>(${codes} | vec4u(0x4b000000u)) - ${2 ** 23 + zero}.0`;
}

/** Rows are whole groups, so groups are counted over all rows. */
const scaleOf = (name: string, word: string) => wgsl`
  fn ${name}_scale(group: u32) -> f32 {
    return unpack2x16float(${word})[group % 2u];
  }`;

/** As `loader`, for integers. */
export function quantizedLoader(name: string, { dtype, group, scalesAt }: QuantizedStorage): string {
  const codes = codesOf[dtype];
  const word = codes.bits === 8 ? `${name}[index]` : `(${name}[index / 2u] >> (16u * (index % 2u)))`;
  return wgsl`
    ${scaleOf(name, `${name}[${scalesAt}u + group / 2u]`)}

    fn load_${name}(index: u32) -> vec4f {
      return ${name}_scale(index / ${group / 4}u) * (${quadOf(codes, word)});
    }`;
}

/** Two quads at a time: what a load of a block brings is `raw`. */
export interface QuantizedPair {
  readonly binding: Binding;
  /** `fn NAME_scale(group: u32) -> f32`. */
  readonly scale: string;
  readonly blocksOfGroup: number;
  /** The quads before their scale is applied. */
  readonly quads: readonly [string, string];
}

export function quantizedPair(name: string, { dtype, group, scalesAt }: QuantizedStorage): QuantizedPair {
  const codes = codesOf[dtype];
  const blocksOfGroup = group / 8;
  if (codes.bits === 4) {
    return {
      binding: { name, access: 'read', type: 'array<u32>' },
      scale: scaleOf(name, `${name}[${scalesAt}u + group / 2u]`),
      blocksOfGroup,
      quads: [quadOf(codes, 'raw'), quadOf(codes, 'raw', 16)],
    };
  }
  return {
    binding: { name, access: 'read', type: 'array<vec2u>' },
    scale: scaleOf(name, `${name}[${scalesAt / 2}u + group / 4u][group / 2u % 2u]`),
    blocksOfGroup,
    quads: [quadOf(codes, 'raw.x'), quadOf(codes, 'raw.y')],
  };
}
