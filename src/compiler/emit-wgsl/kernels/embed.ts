import type { EmbedPlan } from '../../plan/kernel-plan.ts';
import { f32c, type KernelSource, sequencesBinding, stepBinding, u32c } from '../kernel.ts';
import { enablesFor, loader, quads, rowStorer, rowsOutBinding, vectorBinding } from '../storage.ts';
import { wgsl } from '../wgsl.ts';

/** One invocation per four entries of one token. */
export function embed(plan: EmbedPlan): KernelSource {
  const { hidden, table, positions } = plan;
  const scaled =
    plan.scale === 1
      ? 'load_table(ids[row] * HIDDEN_QUADS + quad)'
      : 'EMBEDDING_SCALE * load_table(ids[row] * HIDDEN_QUADS + quad)';
  const positioned = wgsl`
    let sequence = sequences[row / step.tokens];
    let position = sequence.past + row % step.tokens;
    store_x(row, quad, ${scaled} + POSITION_SCALE * load_positions(position * HIDDEN_QUADS + quad));`;
  return {
    doc: positions ? 'x[token] = table[id] + positions[position]' : 'x[token] = table[id]',
    enables: enablesFor(table, ...(positions ? [positions.table] : [])),
    constants: {
      HIDDEN_QUADS: u32c(quads(hidden)),
      ...(plan.scale !== 1 && { EMBEDDING_SCALE: f32c(plan.scale) }),
      ...(positions && { POSITION_SCALE: f32c(positions.scale) }),
    },
    bindings: [
      { name: 'ids', access: 'read', type: 'array<u32>' },
      vectorBinding('table', table),
      ...(positions ? [vectorBinding('positions', positions.table), sequencesBinding] : []),
      rowsOutBinding('x', hidden),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      loader('table', table),
      ...(positions ? [loader('positions', positions.table)] : []),
      rowStorer('x', hidden),
    ],
    body: wgsl`
      let index = group.x * ${plan.threads}u + lane;
      let row = index / HIDDEN_QUADS;
      let quad = index % HIDDEN_QUADS;
      if (row >= step.batch * step.tokens) {
        return;
      }
      ${positions ? positioned : `store_x(row, quad, ${scaled});`}`,
  };
}
