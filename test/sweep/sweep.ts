import { compileModule } from '../../src/compiler/compile.ts';
import type { AttentionNode } from '../../src/compiler/ir/nodes.ts';
import type { PlannedDispatch } from '../../src/compiler/plan/planned.ts';
import type { TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import type { BufferDecl } from '../../src/runtime/abi1/definition.ts';
import { LoadedModule } from '../../src/runtime/abi1/index.ts';
import { checkpointWeights } from '../../src/verify/checkpoint-weights.ts';
import type { Difference } from '../../src/verify/compare.ts';
import { runNodes } from '../../src/verify/node-runner.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { isWithin, kernelTolerances } from '../../src/verify/tolerances.ts';
import { traceNode } from '../../src/verify/trace.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { drawing } from './draw.ts';
import { randomCall } from './random-calls.ts';
import { randomModel } from './random-models.ts';
import { randomSpec } from './random-specs.ts';

export interface SweepOptions {
  readonly device: GPUDevice;
  readonly profile: TargetProfile;
  /** Calls of each spec: its kernels are compiled once. */
  readonly calls: number;
  /** Multiplications that the reference of a call may take. */
  readonly budget: number;
}

/** One comparison of one spec; its seed alone makes it again. */
export interface SweepResult extends Difference {
  readonly seed: number;
  readonly text: string;
  /** Which kernels, shortly: worst errors are told by these. */
  readonly kernels: string;
  /** What was compared. */
  readonly what: string;
  readonly tolerance: Difference;
  readonly passed: boolean;
}

/** Draws an attention, and runs its kernels in calls of many lengths against the f64 reference. */
export async function sweepAttention(seed: number, options: SweepOptions): Promise<readonly SweepResult[]> {
  const draw = drawing(seed);
  const { text, shaped } = randomSpec(draw);
  const { module, definition, programs } = compileModule(shaped, [options.profile]);
  const node = module.nodes.find((candidate): candidate is AttentionNode => candidate.op === 'attention');
  const [program] = programs;
  if (node === undefined || program === undefined) throw new Error('a spec has an attention, and a program');
  const checkpoint = await randomCheckpoint(shaped, seed);
  const weights = await checkpointWeights(module, checkpoint);
  const loaded = await LoadedModule.load(definition, { device: options.device, weights: checkpoint });
  try {
    const results: SweepResult[] = [];
    for (let n = 0; n < options.calls; n++) {
      const call = randomCall(draw, shaped, node, options.budget);
      const [error] = await runNodes(loaded, program, traceNode(module, node, weights, call));
      if (error === undefined) throw new Error('attention writes its output');
      const { worstRow, relativeL2 } = error;
      const { counts, keyCounts, querySize } = call;
      const own = (Math.max(...counts) === 1 ? program.decode : program.prefill).filter((one) => one.node === node);
      const kernels = [...new Set(own.map(({ plan }) => plan.stage))].join(', ');
      const what = `new [${counts.join(', ')}] of [${keyCounts.join(', ')}], queries ${querySize}`;
      const tolerance = toleranceOf(node, own, { buffers: definition.buffers, querySize });
      const passed = isWithin(error, tolerance);
      results.push({ seed, text, kernels, what, worstRow, relativeL2, tolerance, passed });
    }
    return results;
  } finally {
    loaded.dispose();
  }
}

/** Draws a decoder, and runs every kernel of it, and whole calls, as `gqac verify` does. */
export async function sweepModel(seed: number, { device, profile }: SweepOptions): Promise<readonly SweepResult[]> {
  const draw = drawing(seed);
  const { text, shaped } = randomModel(draw);
  const checkpoint = await randomCheckpoint(shaped, seed);
  const tokens = draw.from([17, 33, 70, 130, 150]);
  const { entries } = await verifyModule(shaped, compileModule(shaped, [profile]), {
    device,
    checkpoint,
    tokens,
    seed,
  });
  // A near tie of a router's scores sends a token to another expert: whole calls tell nothing then.
  const isRouted = shaped.layers.some(({ mlp }) => mlp?.experts !== undefined);
  const told = entries.filter(({ stage }) => !isRouted || stage !== 'whole');
  return told.map(({ stage, kernels, tensor, shape, worstRow, relativeL2, tolerance, passed }) => {
    const what = `${tensor} [${shape.join(', ')}] of ${kernels.join(', ')}`;
    return { seed, text, kernels: stage, what, worstRow, relativeL2, tolerance, passed };
  });
}

/** What docs/adr/0010 and 0011 promise of every row, and of results that are written as f16 their rounding. */
function toleranceOf(
  node: AttentionNode,
  dispatches: readonly PlannedDispatch[],
  { buffers, querySize }: { readonly buffers: readonly BufferDecl[]; readonly querySize: number },
): Difference {
  const half = Math.max(
    ...dispatches.map(({ plan }) => {
      if (plan.stage === 'attention_tile' && plan.products === 'f16') return 5e-3;
      if (plan.stage === 'attention_matrix') return node.compute === 'f16' ? 5e-3 : 1e-3;
      return plan.stage === 'attention_latent' ? 1e-3 : 0;
    }),
  );
  // A logit in the thousands is known to 2e-4 in f32.
  const exact = querySize > 100 ? { relativeL2: 1e-3, worstRow: 1e-3 } : kernelTolerances.attention;
  const isHalf =
    dispatches.some(({ halves }) => halves?.includes(node.out)) ||
    buffers.some(({ name, dtype }) => name === node.out && dtype === 'f16');
  const rounding = isHalf ? 2 ** -11 : 0;
  // In eight entries what rounded weights weigh may cancel: one row in ten thousand is off by up to 1.2e-3 (docs/adr/0010).
  const narrow = node.valueDim < 16 ? 2 : 1;
  return {
    relativeL2: Math.max(exact.relativeL2, half) + rounding,
    worstRow: Math.max(exact.worstRow, half * narrow) + rounding,
  };
}
