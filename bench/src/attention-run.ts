import { assembleDefinition } from '../../src/compiler/assemble/definition.ts';
import { emitPrograms } from '../../src/compiler/assemble/emitted-program.ts';
import type { AttentionNode, AttnModule } from '../../src/compiler/ir/nodes.ts';
import type { TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { type ProgramPlan, planProgram } from '../../src/compiler/plan/program.ts';
import type { ModuleDefinition } from '../../src/runtime/abi1/definition.ts';
import { elementCount } from '../../src/runtime/abi1/extents.ts';
import { bytesSource, LoadedModule, SafetensorsFile } from '../../src/runtime/abi1/index.ts';
import { readValues } from '../../src/runtime/abi1/outputs.ts';
import { type TensorData, writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { type Step, Workspace } from '../../src/runtime/abi1/workspace.ts';
import { symbolsOf } from '../../src/tune/call-workspace.ts';
import { fill, poison } from '../../src/tune/device-data.ts';
import { fillInt8 } from '../../src/tune/int8-data.ts';
import { moduleOf } from './case-spec.ts';
import { type AttentionCase, lengthsOf, seeds, valueDimOf, weightAt } from './reference.ts';

/** A case on the device, with as many sets of inputs and outputs as take turns. */
export interface AttentionRun {
  readonly module: AttnModule;
  readonly program: ProgramPlan;
  readonly sets: number;
  /** Bytes of all buffers that one call needs. */
  readonly memory: number;
  readonly record: (pass: GPUComputePassEncoder, repetition: number) => void;
  /** What one call leaves in an output that held NaN, `[B, I, H, Dv]`. */
  readonly output: () => Promise<Float32Array>;
  readonly dispose: () => void;
}

/** The case for a profile. */
export function defineRun(one: AttentionCase, profile: TargetProfile) {
  const { shaped, module } = moduleOf(one);
  const program = planProgram(module, profile);
  return { module, program, definition: assembleDefinition(shaped, module, emitPrograms([program])) };
}

/** Compiles the case for a profile. */
export async function openRun(
  device: GPUDevice,
  one: AttentionCase,
  profile: TargetProfile,
  sets: number,
): Promise<AttentionRun> {
  const { module, program, definition } = defineRun(one, profile);
  const weights = definition.weights.length > 0 ? await weightsOf(definition) : undefined;
  const loaded = await LoadedModule.load(definition, { device, ...(weights && { weights }) });
  const [out = 'out'] = module.nodes.flatMap((node) => (node.op === 'attention' ? [node.out] : []));
  const first = await turnOf(loaded, one, module);
  const memory = loaded.ledger.totalBytes;
  const turns = [first];
  while (turns.length < sets) turns.push(await turnOf(loaded, one, module, first));
  const { prefill, decode } = loaded.variant;
  const dispatches = one.tokens === 1 ? decode : prefill;
  const symbols = symbolsOf(stepOf(one));
  return {
    module,
    program,
    sets,
    memory,
    record: (pass, repetition) => turns[repetition % sets]?.record(pass, dispatches, symbols),
    async output() {
      poison(device, first.buffer(out));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      first.record(pass, dispatches, symbols);
      pass.end();
      device.queue.submit([encoder.finish()]);
      const entries = lengthsOf(one).length * one.tokens * one.qHeads * valueDimOf(one);
      return readValues(loaded.ledger, first.buffer(out), one.activations ?? 'f32', entries);
    },
    dispose() {
      for (const turn of turns) turn.dispose();
      loaded.dispose();
    },
  };
}

/** Memory and sinks, seeded like the inputs. */
function weightsOf({ weights }: ModuleDefinition): Promise<SafetensorsFile> {
  const tensors = weights.map(({ source, shape }): TensorData => {
    const seed = Object.entries(seeds).find(([name]) => source.split('.').at(-1) === name)?.[1];
    if (seed === undefined) throw new Error(`the benchmark has no values for ${source}`);
    const count = elementCount(shape);
    const values = Float32Array.from({ length: count }, (_, index) => weightAt(index, seed));
    return { name: source, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
  });
  return SafetensorsFile.open(bytesSource('weights of the benchmark', writeSafetensors(tensors)));
}

/** Inputs and outputs of their own; all else is that of the first turn, as layers of a model share their scratch. */
async function turnOf(
  loaded: LoadedModule,
  one: AttentionCase,
  module: AttnModule,
  first?: Workspace,
): Promise<Workspace> {
  const [node] = module.nodes.flatMap((each) => (each.op === 'attention' ? [each] : []));
  if (node === undefined) throw new Error(`${one.name} has no attention`);
  const { device, definition } = loaded;
  const step = stepOf(one);
  const own = new Set([node.q, node.k, node.v, node.out]);
  const isShared = ({ name }: { readonly name: string }) => first !== undefined && !own.has(name);
  const shared = definition.buffers.filter(isShared);
  const workspace = await Workspace.create(loaded, {
    buffers: definition.buffers.filter((buffer) => buffer.role !== 'prepared' && !isShared(buffer)),
    symbols: symbolsOf(step),
    external: new Map(shared.flatMap(({ name }) => (first === undefined ? [] : [[name, first.buffer(name)]]))),
  });
  workspace.setStep(step);
  fillInputs(device, workspace, one, node);
  return workspace;
}

function stepOf(one: AttentionCase): Step {
  const sequences = lengthsOf(one).map((count) => ({ past: (one.lengths ? count : one.keys) - count, count }));
  const { tokens, keys } = one;
  return { batch: sequences.length, tokens, keys, capacity: keys, allLogits: false, sequences };
}

function fillInputs(device: GPUDevice, workspace: Workspace, one: AttentionCase, node: AttentionNode): void {
  const { tokens, keys, qHeads, kvHeads, headDim, keyDtype = 'f16', activations = 'f32', queryScale = 1 } = one;
  const batch = lengthsOf(one).length;
  fill(device, workspace.buffer(node.q), batch * tokens * qHeads * headDim, activations, seeds.q, queryScale);
  const stored = [[node.k, seeds.k] as const, ...(node.v === undefined ? [] : [[node.v, seeds.v] as const])];
  for (const [name, seed] of stored) {
    if (one.cache?.kind === 'int8') fillInt8(device, workspace.buffer(name), headDim, seed);
    else fill(device, workspace.buffer(name), batch * keys * kvHeads * headDim, keyDtype, seed);
  }
}
