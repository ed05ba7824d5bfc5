import { compileModule } from '../../src/compiler/compile.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { describeAdapter } from '../../src/node/adapter-description.ts';
import { AttentionSession, LoadedModule, Session } from '../../src/runtime/abi1/index.ts';
import type { Backend, CaseOutputs } from './backend.ts';
import { inputsOf, type Job, type PreparedCase } from './prepare.ts';

/** The emitted kernels on this machine's adapter, through the runtime that generated modules use. */
export async function createDeviceBackend(): Promise<Backend> {
  const { device, description } = await openDevice();
  return {
    description: describeAdapter(description),
    run: (prepared) => runCase(prepared, device),
    async close() {
      device.destroy();
    },
  };
}

async function runCase({ shaped, checkpoint, job, greedy }: PreparedCase, device: GPUDevice): Promise<CaseOutputs> {
  const { definition } = compileModule(shaped);
  const module = await LoadedModule.load(definition, { device, ...(checkpoint && { weights: checkpoint }) });
  try {
    if (job.kind !== 'model') return { output: await runAttention(module, job) };
    const output = await allLogits(module, job.ids);
    return greedy === undefined ? { output } : { output, greedy: await continueGreedily(module, job, greedy.length) };
  } finally {
    module.dispose();
  }
}

async function runAttention(module: LoadedModule, job: Exclude<Job, { kind: 'model' }>): Promise<Float32Array> {
  const [batch = 0, tokens = 0] = job.kind === 'block' ? job.x.shape : job.q.shape;
  const keys = job.kind === 'block' ? (job.context?.shape[1] ?? tokens) : (job.k.shape[1] ?? 0);
  const session = await AttentionSession.create(module, { batch, tokens, keys });
  const data = Object.entries(inputsOf(job)).map(([name, values]) => [name, Float32Array.from(values.data)] as const);
  return session.run(Object.fromEntries(data), { tokens, keys });
}

async function allLogits(module: LoadedModule, ids: readonly (readonly number[])[]): Promise<Float32Array> {
  const session = await Session.create(module, { batch: ids.length, capacity: ids[0]?.length ?? 0, logits: 'all' });
  return (await session.prefill(ids)).data;
}

/** With the cache on: one token at a time. */
async function continueGreedily(module: LoadedModule, job: Extract<Job, { kind: 'model' }>, length: number) {
  const prompt = job.ids[0] ?? [];
  const session = await Session.create(module, { capacity: length });
  const tokens = [...prompt];
  for await (const token of session.generate(prompt, { maxTokens: length - prompt.length })) tokens.push(token);
  return tokens;
}
