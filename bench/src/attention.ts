import { assembleDefinition } from '../../src/compiler/assemble/definition.ts';
import { type Arithmetic, deviceNamed } from '../../src/compiler/facts/devices.ts';
import { floorOf, type KernelCost, kernelCosts } from '../../src/compiler/facts/kernel-costs.ts';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { AttnModule } from '../../src/compiler/ir/nodes.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import type { TargetProfile } from '../../src/compiler/plan/profiles.ts';
import { type ProgramPlan, planProgram } from '../../src/compiler/plan/program.ts';
import type { ModuleDefinition } from '../../src/runtime/abi1/definition.ts';
import { AttentionSession, bytesSource, LoadedModule, SafetensorsFile } from '../../src/runtime/abi1/index.ts';
import { type TensorData, writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import { fill, poison, valueAt } from '../../src/tune/device-data.ts';
import type { Stopwatch, Timing } from '../../src/tune/stopwatch.ts';
import type { BenchDevice } from './device.ts';
import { type AttentionCase, checkRows, type RowErrors, seeds } from './reference.ts';

export interface Measurement {
  readonly case: AttentionCase;
  readonly profile: string;
  readonly kernels: readonly string[];
  readonly timing: Timing;
  readonly errors: RowErrors;
  /** Multiply-adds count twice; of a causal square the visible half counts. */
  readonly flops: number;
  /** What the kernels must read and write, partial results included. */
  readonly bytes: number;
  readonly arithmetic: Arithmetic;
  /** The least milliseconds of the kernels, one after the other, where the device's ceilings are known. */
  readonly floor?: number;
  /** Bytes of all buffers that one call needs: inputs, output and scratch. */
  readonly memory: number;
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
  ];
  return `${lines.join('\n')}\n`;
}

/** Compiles the case for a profile, checks its output against f64 rows, and times it. */
export async function measureAttention(
  { device, name }: BenchDevice,
  stopwatch: Stopwatch,
  one: AttentionCase,
  profile: TargetProfile,
): Promise<Measurement> {
  const { shaped, diagnostics } = checkSpec({ path: 'bench.yaml', text: specOf(one) });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const module = lower(shaped);
  const program = planProgram(module, profile);
  const definition = assembleDefinition(shaped, module, [program]);
  const work = workOf(module, program, one, name);
  const weights = definition.weights.length > 0 ? await weightsOf(definition) : undefined;
  const loaded = await LoadedModule.load(definition, { device, ...(weights && { weights }) });
  const sets = setsFor(one);
  const sessions: AttentionSession[] = [];
  for (let n = 0; n < sets; n++) sessions.push(await sessionOf(loaded, device, one));
  const memory = loaded.ledger.totalBytes / sets;
  const [first] = sessions;
  if (first === undefined) throw new Error('no session');
  const record = (pass: GPUComputePassEncoder, n: number) => sessions[n % sets]?.encode(pass);
  poison(device, first.buffer('out'));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  record(pass, 0);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const errors = checkRows(one, new Float32Array((await loaded.ledger.readBack(first.buffer('out'))).buffer));
  const timing = await stopwatch.time(record, { repetitions: repetitionsFor(one, sets, work.flops) });
  const used = one.tokens === 1 ? program.decode : program.prefill;
  for (const session of sessions) session.dispose();
  loaded.dispose();
  return {
    case: one,
    profile: profile.id,
    kernels: used.map(({ plan }) => plan.stage),
    timing,
    errors,
    ...work,
    memory,
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

/** Inputs that together exceed a 50 MB cache, for decoding; prefill reads its keys many times. */
function setsFor(one: AttentionCase): number {
  const bytes = 4 * one.keys * one.kvHeads * one.headDim;
  return one.tokens === 1 ? Math.min(16, Math.max(2, Math.ceil(160e6 / bytes))) : 1;
}

function repetitionsFor(one: AttentionCase, sets: number, flops: number): number {
  return one.tokens === 1 ? sets * 4 : Math.max(2, Math.min(32, Math.round(5e11 / flops)));
}

function workOf(module: AttnModule, program: ProgramPlan, { tokens, keys }: AttentionCase, deviceName: string) {
  const costs = kernelCosts(module, program, { batch: 1, tokens, keys });
  const total = (read: (cost: KernelCost) => number) => costs.reduce((sum, cost) => sum + read(cost), 0);
  const device = deviceNamed(deviceName);
  const [heaviest] = [...costs].sort((a, b) => b.flops - a.flops);
  return {
    flops: total(({ flops }) => flops),
    bytes: total(({ bytesRead, bytesWritten }) => bytesRead + bytesWritten),
    arithmetic: heaviest?.arithmetic ?? 'f32',
    ...(device && { floor: total((cost) => floorOf(cost, device).seconds * 1e3) }),
  };
}

async function sessionOf(loaded: LoadedModule, device: GPUDevice, one: AttentionCase): Promise<AttentionSession> {
  const session = await AttentionSession.create(loaded, { tokens: one.tokens, keys: one.keys });
  const keyCount = one.keys * one.kvHeads * one.headDim;
  fill(device, session.buffer('q'), one.tokens * one.qHeads * one.headDim, 'f32', seeds.q, one.queryScale ?? 1);
  fill(device, session.buffer('k'), keyCount, 'f16', seeds.k);
  fill(device, session.buffer('v'), keyCount, 'f16', seeds.v);
  return session;
}
