import type { RotationPlan } from '../../../plan/heads/kernel-plan.ts';
import { type Binding, buffer, type Constant, u32c } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';

/** Rotation of whole quads, straight from memory. */
export interface RotationParts {
  readonly constants: Readonly<Record<string, Constant>>;
  readonly bindings: readonly Binding[];
  /** `fn rotated_NAME(index: u32, head: u32, quad: u32, position: u32) -> vec4f`: a quad of a head, which is at `index`, turned where it is to be. */
  readonly functions: readonly string[];
}

/** @param name of a binding of vec4f */
export function rotationParts(name: string, rotation: RotationPlan | undefined): RotationParts {
  if (rotation === undefined) return { constants: {}, bindings: [], functions: [asItIs(name)] };
  const { firstHead, firstEntry, pairing } = rotation;
  const isLeft = ['turned >= ROTARY_QUADS', ...(firstHead > 0 ? [`head < ${firstHead}u`] : [])].join(' || ');
  const rotated = wgsl`
    /** A quad of a head, turned by its position. */
    fn rotated_${name}(index: u32, head: u32, quad: u32, position: u32) -> vec4f {
      let value = ${name}[index];
      ${firstEntry === 0 ? 'let turned = quad;' : turnedFrom(firstEntry)}
      if (${isLeft}) {
        return value;
      }
      ${pairing === 'half' ? byHalves(name) : byNeighbours}
    }`;
  return {
    constants: { ROTARY_QUADS: u32c(rotation.dim / 4, 'of a head, that are turned') },
    bindings: [buffer('rotations', 'vec4f')],
    functions: [rotated],
  };
}

const asItIs = (name: string) => wgsl`
  fn rotated_${name}(index: u32, head: u32, quad: u32, position: u32) -> vec4f {
    return ${name}[index];
  }`;

const turnedFrom = (firstEntry: number) => wgsl`
  // Quads before the first that is turned wrap around, and are beyond the last one.
  let turned = quad - ${firstEntry / 4}u;`;

/** Entries e and e + dim / 2 are turned together, so quads are. The table has cos and sin side by side. */
const byHalves = (name: string) => wgsl`
  // Entries e and e + dim / 2 are turned together; the table has cos and sin side by side.
  let is_first = turned < ROTARY_QUADS / 2u;
  let turns = position * ROTARY_QUADS + turned % (ROTARY_QUADS / 2u) * 2u;
  let low = rotations[turns];
  let high = rotations[turns + 1u];
  let partner = ${name}[select(index - ROTARY_QUADS / 2u, index + ROTARY_QUADS / 2u, is_first)];
  return value * vec4f(low.xz, high.xz) + select(partner, -partner, is_first) * vec4f(low.yw, high.yw);`;

const byNeighbours = wgsl`
  let turns = rotations[position * ROTARY_QUADS + turned];
  return value * turns.xxzz + vec4f(-value.y, value.x, -value.w, value.z) * turns.yyww;`;
