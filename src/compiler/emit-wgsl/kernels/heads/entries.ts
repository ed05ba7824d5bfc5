import type { GateHeadsPlan, LatentHeadsPlan, MixValuesPlan } from '../../../plan/heads/kernel-plan.ts';
import { f32c, floats, type KernelSource, stepBinding, u32c } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';

/** One invocation per entry. */
export function mixValues(plan: MixValuesPlan): KernelSource {
  const { kvHeads, valueDim, mix } = plan;
  return {
    doc: "v = first + mix · (v − first), with the first layer's values",
    enables: [],
    constants: {
      ROW_WIDTH: u32c(kvHeads * valueDim),
      VALUE_DIM: u32c(valueDim),
      ...(mix !== 'gate' && { MIX: f32c(mix) }),
    },
    bindings: [floats('first'), ...(mix === 'gate' ? [floats('gate')] : []), floats('v', 'read_write'), stepBinding],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [],
    body: wgsl`
      let index = group.x * ${plan.threads}u + lane;
      if (index >= step.batch * step.tokens * ROW_WIDTH) {
        return;
      }
      v[index] = first[index] + ${mix === 'gate' ? 'gate[index / VALUE_DIM]' : 'MIX'} * (v[index] - first[index]);`,
  };
}

/** One invocation per entry of a token's keys and values. */
export function latentHeads(plan: LatentHeadsPlan): KernelSource {
  const { heads, rank, ownDim, sharedDim, valueDim } = plan;
  return {
    doc: 'k[head] = x[head] up to its value, then the shared entries of the latent row; v[head] = the rest of x[head]',
    enables: [],
    constants: {
      HEADS: u32c(heads),
      RANK: u32c(rank),
      OWN_DIM: u32c(ownDim),
      SHARED_DIM: u32c(sharedDim),
      HEAD_DIM: u32c(ownDim + sharedDim),
      VALUE_DIM: u32c(valueDim),
    },
    bindings: [floats('x'), floats('latent'), floats('k', 'read_write'), floats('v', 'read_write'), stepBinding],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [],
    body: wgsl`
      let index = group.x * ${plan.threads}u + lane;
      let head = index / (HEAD_DIM + VALUE_DIM);
      let e = index % (HEAD_DIM + VALUE_DIM);
      if (head >= step.batch * step.tokens * HEADS) {
        return;
      }
      let own = head * (OWN_DIM + VALUE_DIM);
      if (e < OWN_DIM) {
        k[head * HEAD_DIM + e] = x[own + e];
      } else if (e < HEAD_DIM) {
        k[head * HEAD_DIM + e] = latent[head / HEADS * (RANK + SHARED_DIM) + RANK + e - OWN_DIM];
      } else {
        v[head * VALUE_DIM + e - HEAD_DIM] = x[own + OWN_DIM + e - HEAD_DIM];
      }`,
  };
}

/** One invocation per entry of the heads' output. */
export function gateHeads(plan: GateHeadsPlan): KernelSource {
  const factors = [
    plan.scale && 'scale[index / VALUE_DIM % HEADS]',
    plan.head && 'head_gate[index / VALUE_DIM]',
    plan.entry && 'entry_gate[index]',
  ].filter(Boolean);
  return {
    doc: 'z = z · gates, per head or per entry',
    enables: [],
    constants: { HEADS: u32c(plan.heads), VALUE_DIM: u32c(plan.valueDim) },
    bindings: [
      ...(plan.scale ? [floats('scale')] : []),
      ...(plan.head ? [floats('head_gate')] : []),
      ...(plan.entry ? [floats('entry_gate')] : []),
      floats('z', 'read_write'),
      stepBinding,
    ],
    workgroupArrays: plan.workgroup,
    workgroupSize: plan.threads,
    functions: [],
    body: wgsl`
      let index = group.x * ${plan.threads}u + lane;
      if (index >= step.batch * step.tokens * HEADS * VALUE_DIM) {
        return;
      }
      z[index] *= ${factors.join(' * ')};`,
  };
}
