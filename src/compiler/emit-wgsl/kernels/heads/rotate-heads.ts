import type { RotateHeadsPlan } from '../../../plan/heads/kernel-plan.ts';
import { type KernelSource, sequencesBinding, stepBinding, u32c } from '../../kernel.ts';
import { enablesFor, storer, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';
import { rotationParts } from './head-rotation.ts';

/** One invocation for each quad of a row; the grid is rows × as many workgroups as a row takes. */
export function rotateHeads({ heads, headDim, rotation, y, threads, workgroup }: RotateHeadsPlan): KernelSource {
  const { constants, bindings, functions } = rotationParts('x', rotation);
  return {
    doc: 'y = rotate (x), head by head',
    enables: enablesFor(y),
    constants: { ROW_QUADS: u32c((heads * headDim) / 4), HEAD_QUADS: u32c(headDim / 4), ...constants },
    bindings: [
      vectorBinding('x', 'f32'),
      ...bindings,
      vectorBinding('y', y, 'read_write'),
      sequencesBinding,
      stepBinding,
    ],
    workgroupArrays: workgroup,
    workgroupSize: threads,
    functions: [...functions, storer('y', y)],
    body: wgsl`
      let row = group.x;
      let quad = group.y * ${threads}u + lane;
      if (quad >= ROW_QUADS) {
        return;
      }
      let position = sequences[row / step.tokens].past + row % step.tokens;
      let index = row * ROW_QUADS + quad;
      store_y(index, rotated_x(index, quad / HEAD_QUADS, quad % HEAD_QUADS, position));`,
  };
}
