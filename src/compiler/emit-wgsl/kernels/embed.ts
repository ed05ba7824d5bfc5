import { quads } from '../../plan/extents.ts';
import type { EmbedPlan } from '../../plan/kernel-plan.ts';
import { f32c, type KernelSource, sequencesBinding, stepBinding, u32c, words } from '../kernel.ts';
import { enablesFor, loader, rowStorer, rowsOutBinding, vectorBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';

/** One invocation per four entries of one token. */
export function embed(plan: EmbedPlan): KernelSource {
  const { width, tokens, positions, types } = plan;
  const tables = [
    ...(tokens ? [['table', tokens.table] as const] : []),
    ...(positions ? [['positions', positions.table] as const] : []),
    ...(types ? [['types', types] as const] : []),
  ];
  const terms = [
    tokens && scaled(tokens.scale, 'EMBEDDING_SCALE', 'load_table(ids[row] * WIDTH_QUADS + quad)'),
    positions && scaled(positions.scale, 'POSITION_SCALE', 'load_positions(position * WIDTH_QUADS + quad)'),
    types && 'load_types(quad)',
  ].filter((term) => term !== undefined);
  return {
    doc: `x[token] = ${[tokens && 'table[id]', positions && 'positions[position]', types && 'types[0]'].filter(Boolean).join(' + ')}`,
    enables: enablesFor(...tables.map(([, storage]) => storage)),
    constants: {
      WIDTH_QUADS: u32c(quads(width)),
      ...(tokens && tokens.scale !== 1 && { EMBEDDING_SCALE: f32c(tokens.scale) }),
      ...(positions && positions.scale !== 1 && { POSITION_SCALE: f32c(positions.scale) }),
      ...(positions && positions.offset > 0 && { FIRST_POSITION: u32c(positions.offset) }),
    },
    bindings: [
      ...(tokens ? [words('ids')] : []),
      ...tables.map(([name, storage]) => vectorBinding(name, storage)),
      ...(positions ? [sequencesBinding] : []),
      rowsOutBinding('x', width),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [...tables.flatMap(([name, storage]) => loader(name, storage)), rowStorer('x', width)],
    body: wgsl`
      let index = group.x * ${plan.threads}u + lane;
      let row = index / WIDTH_QUADS;
      let quad = index % WIDTH_QUADS;
      if (row >= step.batch * step.tokens) {
        return;
      }
      ${positions ? positionOf(positions.offset) : ''}
      store_x(row, quad, ${terms.join(' + ')});`,
  };
}

const scaled = (scale: number, constant: string, value: string) => (scale === 1 ? value : `${constant} * ${value}`);

const positionOf = (offset: number) => wgsl`
  let sequence = sequences[row / step.tokens];
  let position = sequence.past + row % step.tokens${offset > 0 ? ' + FIRST_POSITION' : ''};`;
