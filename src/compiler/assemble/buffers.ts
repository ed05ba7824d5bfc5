import type { BufferDecl, TableDecl, WeightDecl } from '../../runtime/abi1/definition.ts';
import type { AttnModule, Node, TensorDecl } from '../ir/nodes.ts';
import { toExtent } from '../plan/extents.ts';

/** None for a tensor that is no weight. Rows of matrices are padded to four entries: kernels read them in quads. */
export function weightDecl({ name, dtype, weight }: TensorDecl): readonly WeightDecl[] {
  if (weight === undefined || dtype === 'u32') return [];
  const width = weight.shape.at(-1) ?? 1;
  const pitch = weight.role === 'matrix' ? Math.ceil(width / 4) * 4 : width;
  const { tensor: source, rows } = weight.source;
  return [{ name, shape: weight.shape, dtype, pitch, source, ...(rows && { rows }) }];
}

export function tablesOf(module: AttnModule): readonly TableDecl[] {
  const tables = module.nodes.flatMap((node) => tableDecl(node) ?? []);
  return [...new Map(tables.map((table) => [table.name, table])).values()];
}

function tableDecl(node: Node): TableDecl | undefined {
  if ('rotation' in node && node.rotation) {
    const { table, dim, base, scaling } = node.rotation;
    return { name: table, kind: 'rope', dim, base, ...(scaling && { scaling }) };
  }
  if (node.op !== 'embed' || node.positions?.sinusoids === undefined) return undefined;
  const { table, offset, sinusoids } = node.positions;
  return { name: table, kind: 'sinusoids', width: node.width, offset, pairing: sinusoids };
}

/** Cache rows are padded to four entries: kernels read and write them in quads. */
export function bufferDecl({ name, role, dtype, shape }: TensorDecl): readonly BufferDecl[] {
  if (role === 'weight' || role === 'table' || dtype === 'bf16') return [];
  const extents = shape.map(toExtent);
  const width = extents.at(-1);
  const padded =
    role === 'cache' && typeof width === 'number' ? [...extents.slice(0, -1), Math.ceil(width / 4) * 4] : extents;
  return [{ name, role, dtype, shape: padded }];
}
