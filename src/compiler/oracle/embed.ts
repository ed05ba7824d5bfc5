import type { EmbedNode } from '../ir/nodes.ts';
import { eachToken, read, type Step } from './step.ts';
import { addScaled, type Tensor, zeros } from './tensor.ts';

/** @throws Error naming an id outside of the vocabulary, or a position outside of the position table. */
export function evaluateEmbed(node: EmbedNode, step: Step): Tensor {
  const ids = read(step, node.ids).data;
  const table = read(step, node.table);
  const positions = node.positions && { ...node.positions, table: read(step, node.positions.table) };
  const width = node.hidden;
  const out = zeros([step.batch, step.length, width]);
  eachToken(step, (row, position) => {
    const id = ids[row] ?? -1;
    checkIndex('token id', id, table);
    addScaled(out.data, row * width, node.scale, table.data, id * width, width);
    if (positions) {
      checkIndex('position', position, positions.table);
      addScaled(out.data, row * width, positions.scale, positions.table.data, position * width, width);
    }
  });
  return out;
}

function checkIndex(what: string, index: number, table: Tensor): void {
  const rows = table.shape[0] ?? 0;
  if (Number.isInteger(index) && index >= 0 && index < rows) return;
  throw new Error(`${what} ${index} is not within 0 to ${rows - 1}`);
}
