import type { EmbedNode } from '../ir/nodes.ts';
import { eachToken, read, type Step } from './step.ts';
import { addScaled, type Tensor, zeros } from './tensor.ts';

/** Adds one term to the row of `out` of a token at a position. */
type AddTerm = (out: Float64Array, row: number, position: number) => void;

/** @throws Error naming an id outside of the vocabulary, or a position outside of the position table. */
export function evaluateEmbed(node: EmbedNode, step: Step): Tensor {
  const terms = [tokensOf(node, step), positionsOf(node, step), typesOf(node, step)].flatMap((term) => term ?? []);
  const out = zeros([step.batch, step.length, node.width]);
  eachToken(step, (row, position) => {
    for (const add of terms) add(out.data, row, position);
  });
  return out;
}

function tokensOf({ tokens, width }: EmbedNode, step: Step): AddTerm | undefined {
  if (tokens === undefined) return undefined;
  const ids = read(step, tokens.ids).data;
  const table = read(step, tokens.table);
  return (out, row) => {
    const id = ids[row] ?? -1;
    checkIndex('token id', id, table);
    addScaled(out, row * width, tokens.scale, table.data, id * width, width);
  };
}

function positionsOf({ positions, width }: EmbedNode, step: Step): AddTerm | undefined {
  if (positions === undefined) return undefined;
  const { scale, offset, sinusoids } = positions;
  if (sinusoids !== undefined) {
    return (out, row, position) => {
      addScaled(out, row * width, scale, sinusoidsAt(position + offset, width, sinusoids), 0, width);
    };
  }
  const table = read(step, positions.table);
  return (out, row, position) => {
    checkIndex('position', position + offset, table);
    addScaled(out, row * width, scale, table.data, (position + offset) * width, width);
  };
}

/** Vaswani et al., "Attention Is All You Need", 2017. Computed here, not read from the table. */
function sinusoidsAt(position: number, width: number, pairing: 'half' | 'interleaved'): Float64Array {
  const row = new Float64Array(width);
  for (let pair = 0; pair < width / 2; pair++) {
    const angle = position * 10000 ** ((-2 * pair) / width);
    row[pairing === 'half' ? pair : 2 * pair] = Math.sin(angle);
    row[pairing === 'half' ? pair + width / 2 : 2 * pair + 1] = Math.cos(angle);
  }
  return row;
}

function typesOf({ types, width }: EmbedNode, step: Step): AddTerm | undefined {
  if (types === undefined) return undefined;
  const table = read(step, types).data;
  return (out, row) => addScaled(out, row * width, 1, table, 0, width);
}

function checkIndex(what: string, index: number, table: Tensor): void {
  const rows = table.shape[0] ?? 0;
  if (Number.isInteger(index) && index >= 0 && index < rows) return;
  throw new Error(`${what} ${index} is not within 0 to ${rows - 1}`);
}
