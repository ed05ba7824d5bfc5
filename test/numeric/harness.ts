import { afterAll, beforeAll } from 'vitest';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { type Compiled, compileModule } from '../../src/compiler/compile.ts';
import type { Node } from '../../src/compiler/ir/nodes.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import type { TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import type { ProgramPlan } from '../../src/compiler/plan/program.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { LoadedModule } from '../../src/runtime/abi1/index.ts';
import { type NodeError, runNodes } from '../../src/verify/node-runner.ts';
import { randomNumbers, randomTensor } from '../../src/verify/random.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { type TracedCall, traceCalls, traceNode } from '../../src/verify/trace.ts';
import { wholeTensor } from '../../src/verify/whole-tensor.ts';

/** A spec that the front end accepts. */
export function shapedOf(yaml: string): ShapedSpec {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: `gqac: 1\nname: numeric\n${yaml}` });
  if (shaped !== undefined) return shaped;
  throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('; '));
}

/** One device for all tests of a file. */
export function useDevice(): { readonly device: GPUDevice } {
  const holder: { device?: GPUDevice } = {};
  beforeAll(async () => {
    holder.device = (await openDevice()).device;
  });
  afterAll(() => holder.device?.destroy());
  return {
    get device() {
      if (holder.device === undefined) throw new Error('the device is there within tests only');
      return holder.device;
    },
  };
}

export interface LoadedSpec {
  readonly shaped: ShapedSpec;
  readonly compiled: Compiled;
  readonly loaded: LoadedModule;
  readonly program: ProgramPlan;
  readonly weights: ReadonlyMap<string, Float64Array>;
}

/** The module on the device, with random weights where it has any. */
export async function loadSpec(
  device: GPUDevice,
  yaml: string,
  seed = 1,
  profiles?: readonly TargetProfile[],
): Promise<LoadedSpec> {
  const shaped = shapedOf(yaml);
  const compiled = compileModule(shaped, profiles);
  const checkpoint = await randomCheckpoint(shaped, seed);
  const loaded = await LoadedModule.load(compiled.definition, { device, weights: checkpoint });
  const program = compiled.programs.find(({ profile }) => profile.id === loaded.variant.id);
  if (program === undefined) throw new Error(`nothing was planned for ${loaded.variant.id}`);
  const weights = await gatherWeights(compiled.module, (name) => wholeTensor(checkpoint, name));
  return { shaped, compiled, loaded, program, weights };
}

/** Runs the calls one after the other, node by node. Out: the error of each tensor that was written. */
export async function errorsOf(
  spec: LoadedSpec,
  sizes: { readonly batch: number; readonly capacity: number },
  calls: readonly TracedCall[],
): Promise<readonly NodeError[]> {
  const errors: NodeError[] = [];
  for (const trace of traceCalls(spec.compiled.module, spec.weights, sizes, calls)) {
    errors.push(...(await runNodes(spec.loaded, spec.program, trace)));
  }
  return errors;
}

/** Random q, k and v for a module that is given heads. */
export function headInputs(
  { layers }: ShapedSpec,
  size: { readonly batch: number; readonly tokens: number; readonly keys: number; readonly logits?: number },
  seed = 7,
): NonNullable<TracedCall['inputs']> {
  const attention = layers[0]?.attention;
  if (attention === undefined) throw new Error('a spec has a layer');
  const { heads, headDim, valueDim } = attention;
  const next = randomNumbers(seed);
  const make = (shape: readonly number[], scale: number) => randomTensor(shape, next, scale);
  return new Map([
    ['q', make([size.batch, size.tokens, heads.qHeads, headDim], size.logits ?? 1.5)],
    ['k', make([size.batch, size.keys, heads.kvHeads, headDim], 1.5)],
    ['v', make([size.batch, size.keys, heads.kvHeads, valueDim], 1.5)],
  ]);
}

/** The largest of the errors; NaN when any is. */
export const worst = (errors: readonly NodeError[]): number => Math.max(...errors.map(({ worstRow }) => worstRow));

/** Runs a single node of a module on the inputs given by tensor name; they need not be what any model would feed it. */
export async function errorOfNode(
  spec: LoadedSpec,
  node: Node,
  inputs: NonNullable<TracedCall['inputs']>,
): Promise<NodeError> {
  const [first] = inputs.values();
  const [batch = 1, tokens = 1] = first?.shape ?? [];
  const counts = new Array<number>(batch).fill(tokens);
  const trace = traceNode(spec.compiled.module, node, spec.weights, { counts, keyCounts: counts, inputs });
  const [error] = await runNodes(spec.loaded, spec.program, trace);
  if (error === undefined) throw new Error(`${node.op} wrote nothing`);
  return error;
}
