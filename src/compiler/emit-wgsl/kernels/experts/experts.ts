import { quads } from '../../../plan/extents.ts';
import type { ExpertsDownPlan, ExpertsUpPlan } from '../../../plan/linear/kernel-plan.ts';
import { activatedValue, activationFunction } from '../../activation.ts';
import { f32c, floats, type KernelSource, u32c, words } from '../../kernel.ts';
import { enablesFor, loader, rowLoader, rowsBinding, vectorBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';

const constantsOf = (plan: ExpertsUpPlan | ExpertsDownPlan) => ({
  IN_QUADS: u32c(quads(plan.inWidth)),
  OUT_WIDTH: u32c(plan.outWidth),
  ACTIVE: u32c(plan.active),
  LANES: u32c(plan.lanes),
  OUTPUTS: u32c(plan.outputs),
});

/** Neighbouring lanes read neighbouring quads of one weight row; one workgroup row for each token, one workgroup column for each of its experts. */
export function expertsUp(plan: ExpertsUpPlan): KernelSource {
  const isGated = plan.gate !== 'none';
  const ifGated = (text: string) => (isGated ? text : '');
  const up = plan.bias ? '(sum + bias[expert_row])' : 'sum';
  const gate = plan.gate === 'biased' ? 'gate_sum + gate_bias[expert_row]' : 'gate_sum';
  return {
    doc: `y[token, slot] = the expert in the slot on x, weights [expert, ${plan.outWidth}, ${plan.inWidth}]\nA workgroup makes ${plan.outputs} outputs of one slot, each summed by ${plan.lanes} lanes.`,
    enables: enablesFor(plan.weight),
    constants: constantsOf(plan),
    bindings: [
      rowsBinding('x', plan.inWidth),
      words('chosen'),
      vectorBinding('weight', plan.weight),
      ...(plan.bias ? [floats('bias')] : []),
      ...(isGated ? [vectorBinding('gate', plan.weight)] : []),
      ...(plan.gate === 'biased' ? [floats('gate_bias')] : []),
      floats('y', 'read_write'),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [
      rowLoader('x', plan.inWidth),
      ...loader('weight', plan.weight),
      ...(isGated ? loader('gate', plan.weight) : []),
      ...activationFunction(plan.activation),
    ],
    body: wgsl`
      let row = group.z;
      let slot = row * ACTIVE + group.y;
      let column = group.x * OUTPUTS + lane / LANES;
      let expert_row = chosen[slot] * OUT_WIDTH + min(column, OUT_WIDTH - 1u);
      var sum = 0.0;
      ${ifGated('var gate_sum = 0.0;')}
      for (var quad = lane % LANES; quad < IN_QUADS; quad += LANES) {
        let entries = load_x(row, quad);
        sum += dot(entries, load_weight(expert_row * IN_QUADS + quad));
        ${ifGated('gate_sum += dot(entries, load_gate(expert_row * IN_QUADS + quad));')}
      }
      partials[lane] = sum;
      ${ifGated('gate_partials[lane] = gate_sum;')}
      workgroupBarrier();
      if (lane % LANES != 0u || column >= OUT_WIDTH) {
        return;
      }
      for (var other = 1u; other < LANES; other++) {
        sum += partials[lane + other];
        ${ifGated('gate_sum += gate_partials[lane + other];')}
      }
      y[slot * OUT_WIDTH + column] = ${activatedValue(plan.activation, up, isGated ? gate : undefined)};`,
  };
}

/** The experts of a token one after the other, each times its share. */
export function expertsDown(plan: ExpertsDownPlan): KernelSource {
  const write = plan.accumulate ? '+=' : '=';
  return {
    doc: `y[token] ${write} Σ share · the expert in the slot on x[token, slot], weights [expert, ${plan.outWidth}, ${plan.inWidth}]\nA workgroup makes ${plan.outputs} outputs of one token, each summed by ${plan.lanes} lanes.`,
    enables: enablesFor(plan.weight),
    constants: { ...constantsOf(plan), ...(plan.scale !== undefined && { SCALE: f32c(plan.scale) }) },
    bindings: [
      rowsBinding('x', plan.inWidth),
      words('chosen'),
      floats('shares'),
      vectorBinding('weight', plan.weight),
      ...(plan.bias ? [floats('bias')] : []),
      floats('y', 'read_write'),
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [rowLoader('x', plan.inWidth), ...loader('weight', plan.weight)],
    body: wgsl`
      let row = group.y;
      let column = group.x * OUTPUTS + lane / LANES;
      var sum = 0.0;
      for (var slot = row * ACTIVE; slot < (row + 1u) * ACTIVE; slot++) {
        let expert_row = chosen[slot] * OUT_WIDTH + min(column, OUT_WIDTH - 1u);
        var part = 0.0;
        for (var quad = lane % LANES; quad < IN_QUADS; quad += LANES) {
          part += dot(load_x(slot, quad), load_weight(expert_row * IN_QUADS + quad));
        }
        ${plan.bias ? addBias : ''}
        sum += shares[slot] * part;
      }
      partials[lane] = sum;
      workgroupBarrier();
      if (lane % LANES != 0u || column >= OUT_WIDTH) {
        return;
      }
      for (var other = 1u; other < LANES; other++) {
        sum += partials[lane + other];
      }
      y[row * OUT_WIDTH + column] ${write} ${plan.scale === undefined ? 'sum' : 'SCALE * sum'};`,
  };
}

const addBias = wgsl`
  if (lane % LANES == 0u) {
    part += bias[expert_row];
  }`;
