import { type SpecNode, toPlain } from '../../syntax/tree.ts';
import { elementCount } from '../dims.ts';
import type { WeightBlocks, WeightShape, WeightSource } from '../shaped-spec.ts';
import { isPerLayer, parseTensorName, type TensorName, tensorAt } from './tensor-name.ts';

/** A place in the checkpoint with the layer left open. */
export interface TensorSource {
  readonly name: Pick<TensorName, 'parts'>;
  readonly part: Omit<WeightSource, 'tensor' | 'stack'>;
}

/** What the schema lets through as one of `weights.names`. */
interface WrittenSource {
  readonly tensor: string;
  readonly transposed?: boolean;
  readonly rows?: readonly [number, number];
  readonly blocks?: WeightBlocks;
}

/** Reads a name, or a map with a tensor and its part. Gives the problem as a sentence when it cannot be read. */
export function readTensorSource(node: SpecNode): TensorSource | { readonly problem: string } {
  const written = (node.kind === 'map' ? toPlain(node) : { tensor: toPlain(node) }) as WrittenSource;
  const { transposed = false, blocks } = written;
  const name = parseTensorName(written.tensor);
  if ('problem' in name) return name;
  const ranges = [name.rows, written.rows, blocks].filter((one) => one !== undefined);
  if (ranges.length > 1) return { problem: 'a source has one range `[start:end]`, or `rows`, or `blocks`' };
  const rows = name.rows ?? written.rows;
  if (rows !== undefined && rows[0] >= rows[1]) return { problem: `the range ${rows.join(' to ')} has no rows` };
  if (blocks !== undefined && blocks.from + blocks.size > blocks.stride) {
    return {
      problem: `rows ${blocks.from} to ${blocks.from + blocks.size} are not within a block of ${blocks.stride}`,
    };
  }
  const part = {
    ...(transposed ? { transposed } : {}),
    ...(rows === undefined ? {} : { rows: Object.freeze(rows) }),
    ...(blocks === undefined ? {} : { blocks: Object.freeze({ ...blocks }) }),
  };
  return Object.freeze({ name, part: Object.freeze(part) });
}

/** Why a source cannot be that of a weight; undefined when it may be. */
export function misfitOf(
  { name: tensor, part }: TensorSource,
  { name, shape, role }: Pick<WeightShape, 'name' | 'shape' | 'role'>,
): string | undefined {
  if (isPerLayer(tensor) && !name.includes('{i}'))
    return `\`${name}\` is not in a layer, its tensor's name cannot depend on one`;
  const isStack = isStacked(tensor);
  if (isStack && shape.length < 2) return `\`${name}\` has one axis, \`{e}\` counts the first of several`;
  const own = isStack ? shape.slice(1) : shape;
  if (part.transposed && own.length < 2) return `\`${name}\` has one axis, there is nothing to transpose`;
  const first = own[0] ?? 0;
  if (part.rows !== undefined && part.rows[1] - part.rows[0] !== first)
    return `the range has ${part.rows[1] - part.rows[0]} rows, \`${name}\` has ${first}`;
  const { blocks } = part;
  const rows = blockRows(own, role);
  if (blocks !== undefined && blocks.count * blocks.size !== rows)
    return `the blocks give ${blocks.count * blocks.size} rows, \`${name}\` has ${rows}`;
  return undefined;
}

const isStacked = ({ parts }: TensorSource['name']): boolean =>
  parts.some((part) => typeof part === 'string' && part.includes('{e}'));

export function sourceAt({ name, part }: TensorSource, layer: number, shape: readonly number[]): WeightSource {
  const stack = isStacked(name) ? { stack: shape[0] ?? 1 } : {};
  return Object.freeze({ tensor: tensorAt(name, layer), ...part, ...stack });
}

/** A weight as the parts of it that lie in one tensor each. */
export function tensorParts(weight: WeightShape): readonly WeightShape[] {
  const { stack, ...source } = weight.source;
  if (stack === undefined) return [weight];
  const shape = weight.shape.slice(1);
  return Array.from({ length: stack }, (_, e) => {
    const tensor = source.tensor.replaceAll('{e}', String(e));
    return { ...weight, shape, source: { ...source, tensor } };
  });
}

/** Rows as blocks count them: of the last axis, or for vectors entries. */
export function blockRows(shape: readonly number[], role: WeightShape['role']): number {
  return elementCount(role === 'vector' ? shape : shape.slice(0, -1));
}

/** Whether two parts of one tensor have rows in common, as far as that can be told. */
export function overlap(a: WeightSource, b: WeightSource): boolean {
  const isWhole = (source: WeightSource) => source.rows === undefined && source.blocks === undefined;
  if (isWhole(a) || isWhole(b)) return true;
  if (a.rows !== undefined && b.rows !== undefined) return a.rows[0] < b.rows[1] && b.rows[0] < a.rows[1];
  if (a.blocks === undefined || b.blocks === undefined || a.blocks.stride !== b.blocks.stride) return false;
  return a.blocks.from < b.blocks.from + b.blocks.size && b.blocks.from < a.blocks.from + a.blocks.size;
}
