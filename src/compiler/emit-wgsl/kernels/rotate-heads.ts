import type { RotateHeadsPlan, RotationPlan } from '../../plan/kernel-plan.ts';
import { type KernelSource, sequencesBinding, stepBinding, u32c } from '../kernel.ts';
import { enablesFor, storer, vectorBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';

/** One invocation for each quad of a row; the grid is rows × as many workgroups as a row takes. */
export function rotateHeads(plan: RotateHeadsPlan): KernelSource {
  const { heads, headDim, rotation, threads } = plan;
  const isTurned = [
    'turned < ROTARY_QUADS',
    ...(rotation.firstHead > 0 ? [`quad / HEAD_QUADS >= ${rotation.firstHead}u`] : []),
  ].join(' && ');
  return {
    doc: 'y = rotate (x), head by head',
    enables: enablesFor(plan.y),
    constants: {
      ROW_QUADS: u32c((heads * headDim) / 4),
      HEAD_QUADS: u32c(headDim / 4),
      ROTARY_QUADS: u32c(rotation.dim / 4),
    },
    bindings: [
      vectorBinding('x', 'f32'),
      { name: 'rotations', access: 'read', type: 'array<vec4f>' },
      vectorBinding('y', plan.y, 'read_write'),
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: threads,
    functions: [storer('y', plan.y), rotated(rotation)],
    body: wgsl`
      let row = group.x;
      let quad = group.y * ${threads}u + lane;
      if (quad >= ROW_QUADS) {
        return;
      }
      let index = row * ROW_QUADS + quad;
      ${rotation.firstEntry === 0 ? fromFirst : fromEntry(rotation.firstEntry)}
      if (${isTurned}) {
        let position = sequences[row / step.tokens].past + row % step.tokens;
        store_y(index, rotated(index, turned, position));
      } else {
        store_y(index, x[index]);
      }`,
  };
}

const fromFirst = 'let turned = quad % HEAD_QUADS;';

const fromEntry = (first: number) => wgsl`
  // Quads before the first that is turned wrap around, and are beyond the last one.
  let turned = quad % HEAD_QUADS - ${first / 4}u;`;

/** `fn rotated(index: u32, turned: u32, position: u32) -> vec4f`: the quad at `index`, the `turned`-th of those of its head that are turned. */
const rotated = ({ pairing }: RotationPlan): string => (pairing === 'half' ? byHalves : byNeighbours);

/** Entries e and e + dim / 2 are turned together, so quads are. The table has cos and sin side by side. */
const byHalves = wgsl`
  fn rotated(index: u32, turned: u32, position: u32) -> vec4f {
    let pair = turned % (ROTARY_QUADS / 2u);
    let is_first = turned < ROTARY_QUADS / 2u;
    let turns = position * ROTARY_QUADS + 2u * pair;
    let low = rotations[turns];
    let high = rotations[turns + 1u];
    let partner = x[select(index - ROTARY_QUADS / 2u, index + ROTARY_QUADS / 2u, is_first)];
    return x[index] * vec4f(low.xz, high.xz) + select(partner, -partner, is_first) * vec4f(low.yw, high.yw);
  }`;

const byNeighbours = wgsl`
  fn rotated(index: u32, turned: u32, position: u32) -> vec4f {
    let value = x[index];
    let turns = rotations[position * ROTARY_QUADS + turned];
    return value * turns.xxzz + vec4f(-value.y, value.x, -value.w, value.z) * turns.yyww;
  }`;
