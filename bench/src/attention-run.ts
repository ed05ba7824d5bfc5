import { assembleDefinition } from '../../src/compiler/assemble/definition.ts';
import type { AttnModule } from '../../src/compiler/ir/nodes.ts';
import type { TargetProfile } from '../../src/compiler/plan/profiles.ts';
import { type ProgramPlan, planProgram } from '../../src/compiler/plan/program.ts';
import type { ModuleDefinition } from '../../src/runtime/abi1/definition.ts';
import { AttentionSession, bytesSource, LoadedModule, SafetensorsFile } from '../../src/runtime/abi1/index.ts';
import { readValues } from '../../src/runtime/abi1/outputs.ts';
import { type TensorData, writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { fill, poison, valueAt } from '../../src/tune/device-data.ts';
import { fillInt8 } from '../../src/tune/int8-data.ts';
import { moduleOf } from './case-spec.ts';
import { type AttentionCase, lengthsOf, seeds, valueDimOf } from './reference.ts';

/** A case on the device, with inputs for as many sessions as take turns. */
export interface AttentionRun {
  readonly module: AttnModule;
  readonly program: ProgramPlan;
  readonly sets: number;
  /** Bytes of all buffers of one session. */
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
  return { module, program, definition: assembleDefinition(shaped, module, [program]) };
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
  const first = await sessionOf(loaded, device, one, module);
  const sessions = [first];
  while (sessions.length < sets) sessions.push(await sessionOf(loaded, device, one, module));
  const encode = (session: AttentionSession, pass: GPUComputePassEncoder) =>
    session.encode(pass, { tokens: lengthsOf(one), keys: one.lengths ?? one.keys });
  return {
    module,
    program,
    sets,
    memory: loaded.ledger.totalBytes / sets,
    record: (pass, repetition) => {
      const session = sessions[repetition % sets];
      if (session !== undefined) encode(session, pass);
    },
    async output() {
      poison(device, first.buffer(out));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      encode(first, pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
      const entries = lengthsOf(one).length * one.tokens * one.qHeads * valueDimOf(one);
      return readValues(loaded.ledger, first.buffer(out), one.activations ?? 'f32', entries);
    },
    dispose() {
      for (const session of sessions) session.dispose();
      loaded.dispose();
    },
  };
}

/** Memory and sinks, seeded like the inputs. */
function weightsOf({ weights }: ModuleDefinition): Promise<SafetensorsFile> {
  const tensors = weights.map(({ source, shape }): TensorData => {
    const seed = Object.entries(seeds).find(([name]) => source.split('.').at(-1) === name)?.[1];
    if (seed === undefined) throw new Error(`the benchmark has no values for ${source}`);
    const count = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: count }, (_, index) => valueAt(index, seed));
    return { name: source, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
  });
  return SafetensorsFile.open(bytesSource('weights of the benchmark', writeSafetensors(tensors)));
}

async function sessionOf(
  loaded: LoadedModule,
  device: GPUDevice,
  one: AttentionCase,
  module: AttnModule,
): Promise<AttentionSession> {
  const { tokens, keys, qHeads, kvHeads, headDim, activations = 'f32', queryScale = 1 } = one;
  const batch = lengthsOf(one).length;
  const session = await AttentionSession.create(loaded, { batch, tokens, keys });
  for (const node of module.nodes) {
    if (node.op !== 'attention') continue;
    fill(device, session.buffer(node.q), batch * tokens * qHeads * headDim, activations, seeds.q, queryScale);
    const stored = [[node.k, seeds.k] as const, ...(node.v === undefined ? [] : [[node.v, seeds.v] as const])];
    for (const [name, seed] of stored) {
      if (one.cache?.kind === 'int8') fillInt8(device, session.buffer(name), headDim, seed);
      else fill(device, session.buffer(name), batch * keys * kvHeads * headDim, 'f16', seed);
    }
  }
  return session;
}
