import { assembleDefinition } from '../../src/compiler/assemble/definition.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttnModule } from '../../src/compiler/ir/nodes.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import type { TargetProfile } from '../../src/compiler/plan/profiles.ts';
import { type ProgramPlan, planProgram } from '../../src/compiler/plan/program.ts';
import type { ModuleDefinition } from '../../src/runtime/abi1/definition.ts';
import { AttentionSession, bytesSource, LoadedModule, SafetensorsFile } from '../../src/runtime/abi1/index.ts';
import { readValues } from '../../src/runtime/abi1/outputs.ts';
import { type TensorData, writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { fill, poison, valueAt } from '../../src/tune/device-data.ts';
import { type AttentionCase, seeds } from './reference.ts';

/** A case on the device, with inputs for as many sessions as take turns. */
export interface AttentionRun {
  readonly module: AttnModule;
  readonly program: ProgramPlan;
  readonly sets: number;
  /** Bytes of all buffers of one session. */
  readonly memory: number;
  readonly record: (pass: GPUComputePassEncoder, repetition: number) => void;
  /** What one call leaves in an output that held NaN, `[I, H, D]`. */
  readonly output: () => Promise<Float32Array>;
  readonly dispose: () => void;
}

/** Compiles the case for a profile. */
export async function openRun(
  device: GPUDevice,
  one: AttentionCase,
  profile: TargetProfile,
  sets: number,
): Promise<AttentionRun> {
  const { shaped, diagnostics } = checkSpec({ path: 'bench.yaml', text: specOf(one) });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const module = lower(shaped);
  const program = planProgram(module, profile);
  const definition = assembleDefinition(shaped, module, [program]);
  const weights = definition.weights.length > 0 ? await weightsOf(definition) : undefined;
  const loaded = await LoadedModule.load(definition, { device, ...(weights && { weights }) });
  const first = await sessionOf(loaded, device, one);
  const sessions = [first];
  while (sessions.length < sets) sessions.push(await sessionOf(loaded, device, one));
  return {
    module,
    program,
    sets,
    memory: loaded.ledger.totalBytes / sets,
    record: (pass, repetition) => sessions[repetition % sets]?.encode(pass),
    async output() {
      poison(device, first.buffer('out'));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      first.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
      const entries = one.tokens * one.qHeads * one.headDim;
      return readValues(loaded.ledger, first.buffer('out'), one.activations ?? 'f32', entries);
    },
    dispose() {
      for (const session of sessions) session.dispose();
      loaded.dispose();
    },
  };
}

function specOf(one: AttentionCase): string {
  const lines = [
    'gqac: 1',
    'name: bench',
    'attention:',
    `  q_heads: ${one.qHeads}`,
    `  kv_heads: ${one.kvHeads}`,
    `  head_dim: ${one.headDim}`,
    '  cache: { dtype: f16 }',
    `  mask: { causal: true${one.window === undefined ? '' : `, window: ${one.window}${one.memory ? ', memory: always' : ''}`} }`,
    ...(one.memory ? [`  memory_kv: { slots: ${one.memory} }`] : []),
    ...(one.sinks ? ['  sinks: true'] : []),
    ...(one.softcap === undefined ? [] : [`  softcap: ${one.softcap}`]),
    ...(one.activations === undefined ? [] : [`  precision: { activations: ${one.activations} }`]),
  ];
  return `${lines.join('\n')}\n`;
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

async function sessionOf(loaded: LoadedModule, device: GPUDevice, one: AttentionCase): Promise<AttentionSession> {
  const session = await AttentionSession.create(loaded, { tokens: one.tokens, keys: one.keys });
  const keyCount = one.keys * one.kvHeads * one.headDim;
  fill(
    device,
    session.buffer('q'),
    one.tokens * one.qHeads * one.headDim,
    one.activations ?? 'f32',
    seeds.q,
    one.queryScale ?? 1,
  );
  fill(device, session.buffer('k'), keyCount, 'f16', seeds.k);
  fill(device, session.buffer('v'), keyCount, 'f16', seeds.v);
  return session;
}
