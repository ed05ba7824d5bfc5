import type { BlocksDecl, BufferDecl, Extent, TableDecl, WeightDecl } from '../../runtime/abi1/definition.ts';
import { elementCount } from '../check/dims.ts';
import type { WeightShape } from '../check/shaped-spec.ts';
import { shapeOfPart } from '../ir/head-class.ts';
import type { AttnModule, Node, TensorDecl } from '../ir/nodes.ts';
import { ceilDiv, quads, toExtent } from '../plan/extents.ts';
import { cachePlan } from '../plan/heads/cache-layout.ts';

/** None for a tensor that is no weight. Rows of matrices are padded to four entries: kernels read them in quads. */
export function weightDecl({ name, dtype, weight, part }: TensorDecl): readonly WeightDecl[] {
  if (weight === undefined || dtype === 'u32') return [];
  const shape = shapeOfPart(weight.shape, part);
  const width = shape.at(-1) ?? 1;
  const pitch = weight.role === 'matrix' ? Math.ceil(width / 4) * 4 : width;
  const { tensor: source, transposed, stack } = weight.source;
  const blocks = blocksOf(weight);
  return [
    {
      name,
      shape,
      dtype,
      pitch,
      ...(weight.quantization && { group: weight.quantization.group }),
      source,
      ...(stack !== undefined && { stack }),
      ...(transposed && { transposed }),
      ...(blocks && { blocks }),
      ...(part && { part: { of: weight.shape, ...part } }),
    },
  ];
}

/** Rows and blocks of rows, in elements. */
function blocksOf({ shape, role, source: { rows, blocks, stack } }: WeightShape): BlocksDecl | undefined {
  if (rows !== undefined) {
    const elements = elementCount(shape.slice(stack === undefined ? 1 : 2));
    const size = (rows[1] - rows[0]) * elements;
    return { count: 1, from: rows[0] * elements, size, stride: size };
  }
  if (blocks === undefined) return undefined;
  const elements = role === 'vector' ? 1 : (shape.at(-1) ?? 1);
  const { count, from, size, stride } = blocks;
  return { count, from: from * elements, size: size * elements, stride: stride * elements };
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

export function bufferDecl(tensor: TensorDecl): readonly BufferDecl[] {
  const { name, role, dtype, layout } = tensor;
  if (role === 'weight' || role === 'table' || dtype === 'bf16' || dtype === 'int4') return [];
  const stored = role === 'cache' ? cachePlan(layout).cacheLayout : undefined;
  return [{ name, role, dtype, shape: extentsOf(tensor), ...(stored && { layout: stored }) }];
}

/** Cache rows are padded to four entries: kernels read and write them in quads. */
function extentsOf({ role, shape, layout }: TensorDecl): readonly Extent[] {
  if (role === 'pages' && layout?.kind === 'paged') return ['B', ceilDiv('C', layout.pageSize)];
  const extents = shape.map(toExtent);
  const [batch, heads, capacity, width] = extents;
  if (role !== 'cache' || typeof width !== 'number' || batch === undefined || heads === undefined) return extents;
  const padded = quads(width) * 4;
  if (layout?.kind === 'paged') return ['P', heads, layout.pageSize, padded];
  return [batch, heads, layout?.rows ?? capacity ?? 0, padded];
}
