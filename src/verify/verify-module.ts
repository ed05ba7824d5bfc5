import type { ShapedSpec } from '../compiler/check/shaped-spec.ts';
import type { Compiled } from '../compiler/compile.ts';
import type { AttentionNode, AttnModule } from '../compiler/ir/nodes.ts';
import type { OracleInput } from '../compiler/oracle/oracle.ts';
import type { ProgramPlan } from '../compiler/plan/program.ts';
import type { Checkpoint } from '../runtime/abi1/checkpoint.ts';
import { chooseVariant } from '../runtime/abi1/device.ts';
import { FeatureError, LimitError } from '../runtime/abi1/errors.ts';
import { elementCount } from '../runtime/abi1/extents.ts';
import { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { allowedOfCalls, allowedOfNode } from './allowed-errors.ts';
import { type CallSequence, callSequences, extraInputs, givenTensors, runtimePrefix } from './calls.ts';
import { checkpointWeights } from './checkpoint-weights.ts';
import { compareRows, type Difference } from './compare.ts';
import { fromDevice } from './device-tensors.ts';
import { runNodes } from './node-runner.ts';
import { randomNumbers, randomTensor } from './random.ts';
import { isWithin, kernelTolerances } from './tolerances.ts';
import { type CallTrace, traceCalls, traceNode } from './trace.ts';
import { verifySampling } from './verify-sampling.ts';
import { runWhole } from './whole-run.ts';

export interface VerifyOptions {
  readonly device: GPUDevice;
  readonly checkpoint: Checkpoint;
  /** Tokens of the longest prompt. */
  readonly tokens: number;
  readonly seed: number;
}

/** The worst error of one kernel in one kind of call, over all layers and calls of that kind. */
export interface VerifyEntry extends Difference {
  readonly variant: string;
  readonly stage: 'prepare' | 'prefill' | 'decode' | 'sample' | 'whole';
  /** Kernels that run together, or what a whole run is. */
  readonly kernels: readonly string[];
  /** The tensor that was compared, with `{i}` for the layer. */
  readonly tensor: string;
  /** Of the largest comparison. */
  readonly shape: readonly number[];
  readonly comparisons: number;
  readonly tolerance: Difference;
  readonly passed: boolean;
  /** More about a failure. */
  readonly details: readonly string[];
}

export interface VerifyReport {
  readonly entries: readonly VerifyEntry[];
  readonly skipped: readonly { readonly variant: string; readonly reason: string }[];
}

type Found = Omit<VerifyEntry, 'passed'>;

/** Runs every kernel of every variant that the device supports, node by node and then whole, against the f64 reference. */
export async function verifyModule(
  shaped: ShapedSpec,
  compiled: Compiled,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { device, checkpoint, tokens, seed } = options;
  const { module, definition, programs } = compiled;
  const weights = await checkpointWeights(module, checkpoint);
  const sequences = callSequences(shaped, tokens, seed);
  const traces = sequences.map((sequence) => traceCalls(module, weights, sequence, sequence.calls));
  const longDecodes = longDecodesOf(shaped, module, weights, seed);
  const entries: VerifyEntry[] = [];
  const skipped: { variant: string; reason: string }[] = [];
  for (const { id } of definition.variants) {
    const program = programs.find(({ profile }) => profile.id === id);
    const obstacle = obstacleTo(() => chooseVariant(definition, device, id));
    if (obstacle !== undefined || program === undefined) {
      skipped.push({ variant: id, reason: obstacle ?? 'nothing was planned for it' });
      continue;
    }
    const loaded = await LoadedModule.load(definition, { device, variant: id, weights: checkpoint });
    try {
      const found = [
        ...(await preparedErrors(loaded, traces.flat())),
        ...(await nodeErrors(loaded, program, [...traces.flat(), ...longDecodes])),
        ...(await samplingErrors(loaded, seed)),
        ...(await wholeErrors(loaded, sequences, traces, allowedOfCalls(shaped, program))),
      ];
      entries.push(...mergeWorst(found));
    } finally {
      loaded.dispose();
    }
  }
  return { entries, skipped };
}

function obstacleTo(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof FeatureError || error instanceof LimitError) return error.message;
    throw error;
  }
}

/** A token after a long past, which splits the keys over workgroups: the caches are filled with random values instead of run. */
function longDecodesOf(
  shaped: ShapedSpec,
  module: AttnModule,
  weights: ReadonlyMap<string, ArrayLike<number>>,
  seed: number,
): readonly CallTrace[] {
  const node = module.nodes.find((candidate): candidate is AttentionNode => candidate.op === 'attention');
  const attention = shaped.layers[node?.layer ?? 0]?.attention;
  if (node === undefined || attention === undefined || node.keyLayout === 'tokens-first') return [];
  const keys = Math.min(300, shaped.model?.context ?? 300);
  const { heads, headDim, valueDim } = node;
  const next = randomNumbers(seed);
  const values = (...shape: readonly number[]) => randomTensor(shape, next);
  const inputs = new Map<string, OracleInput>([
    [node.q, values(2, 1, heads.qHeads, headDim)],
    [node.k, values(2, heads.kvHeads, keys, headDim)],
    ...(node.v === undefined ? [] : [[node.v, values(2, heads.kvHeads, keys, valueDim)] as const]),
    ...extraInputs(attention, { queries: 1, keys }, next),
    ...givenTensors(shaped, next),
  ]);
  const normedMemory = node.memory && module.tensors.get(node.memory.k)?.role === 'prepared';
  if (normedMemory) return [];
  const keyCounts = [keys, Math.ceil(keys / 2)];
  return [traceNode(module, node, weights, { counts: [1, 1], keyCounts, inputs, ...runtimePrefix(attention, 40) })];
}

const withoutIndex = (name: string) => name.replace(/^layers\.\d+\./, 'layers.{i}.');

/** Tensors that were computed when the module was loaded. */
async function preparedErrors(loaded: LoadedModule, traces: readonly CallTrace[]): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const buffer of loaded.definition.buffers.filter(({ role }) => role === 'prepared')) {
    const trace = traces[0]?.nodes.find(({ written }) => written.has(buffer.name));
    const reference = trace?.written.get(buffer.name);
    const device = loaded.tensors.get(buffer.name);
    if (trace === undefined || reference === undefined || device === undefined) continue;
    const got = fromDevice(await loaded.ledger.readBack(device), buffer, reference.shape);
    found.push({
      ...compareRows(got, reference.data, reference.shape.at(-1) ?? 1),
      variant: loaded.variant.id,
      stage: 'prepare',
      kernels: [...new Set(loaded.variant.prepare.map(({ kernel }) => kernel))],
      tensor: withoutIndex(buffer.name),
      shape: reference.shape,
      comparisons: 1,
      tolerance: kernelTolerances[trace.node.op],
      details: [],
    });
  }
  return found;
}

async function nodeErrors(loaded: LoadedModule, program: ProgramPlan, traces: readonly CallTrace[]) {
  const found: Found[] = [];
  for (const trace of traces) {
    const stage = trace.step.tokens === 1 ? 'decode' : 'prefill';
    for (const error of await runNodes(loaded, program, trace)) {
      const { kernels, tensor, shape, worstRow, relativeL2 } = error;
      const where = { variant: loaded.variant.id, stage, kernels, tensor: withoutIndex(tensor), shape } as const;
      found.push({
        ...where,
        worstRow,
        relativeL2,
        comparisons: 1,
        tolerance: allowedOfNode(error, loaded.definition, program),
        details: [],
      });
    }
  }
  return found;
}

/** The error is the share of draws that give another token. */
async function samplingErrors(loaded: LoadedModule, seed: number): Promise<readonly Found[]> {
  if (loaded.variant.sample.length === 0) return [];
  const { draws, disagreements } = await verifySampling(loaded, seed);
  const share = disagreements.length / draws;
  return [
    {
      variant: loaded.variant.id,
      stage: 'sample',
      kernels: loaded.variant.sample.map(({ kernel }) => kernel),
      tensor: 'tokens',
      shape: [draws],
      worstRow: share,
      relativeL2: share,
      comparisons: draws,
      tolerance: { worstRow: 0, relativeL2: 0 },
      details: disagreements.slice(0, 5),
    },
  ];
}

async function wholeErrors(
  loaded: LoadedModule,
  sequences: readonly CallSequence[],
  traces: readonly (readonly CallTrace[])[],
  tolerance: Difference,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const [index, sequence] of sequences.entries()) {
    for (const { output, tensor, shape, ...error } of await runWhole(loaded, sequence, traces[index] ?? [])) {
      found.push({
        ...error,
        variant: loaded.variant.id,
        stage: 'whole',
        kernels: [output],
        tensor,
        shape,
        comparisons: 1,
        tolerance,
        details: [],
      });
    }
  }
  return found;
}

/** One entry for each kernel and tensor of a stage. */
function mergeWorst(found: readonly Found[]): readonly VerifyEntry[] {
  const merged = new Map<string, Found>();
  for (const one of found) {
    const key = JSON.stringify([one.variant, one.stage, one.kernels, one.tensor]);
    const known = merged.get(key);
    merged.set(key, known === undefined ? one : worseOf(known, one));
  }
  return [...merged.values()].map((entry) => ({ ...entry, passed: isWithin(entry, entry.tolerance) }));
}

function worseOf(a: Found, b: Found): Found {
  return {
    ...a,
    shape: elementCount(b.shape) > elementCount(a.shape) ? b.shape : a.shape,
    worstRow: Math.max(a.worstRow, b.worstRow),
    relativeL2: Math.max(a.relativeL2, b.relativeL2),
    comparisons: a.comparisons + b.comparisons,
    details: [...a.details, ...b.details],
  };
}
