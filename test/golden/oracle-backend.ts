import { lower } from '../../src/compiler/ir/lower.ts';
import { createOracle, type OracleCall } from '../../src/compiler/oracle/oracle.ts';
import { gatherWeights } from '../../src/compiler/oracle/weights.ts';
import type { Backend, CaseOutputs } from './backend.ts';
import { inputsOf, type Job, type PreparedCase } from './prepare.ts';
import { readValues } from './tensors.ts';

/** The f64 reference: what it gets wrong is wrong in the importer, the checker, the lowering, or itself, never in a kernel. */
export function createOracleBackend(): Backend {
  return {
    description: 'oracle: f64 reference, no device',
    run: runCase,
    async close() {},
  };
}

async function runCase({ shaped, checkpoint, job, greedy, storage }: PreparedCase): Promise<CaseOutputs> {
  const module = lower(shaped);
  const weights = await gatherWeights(module, (name) => {
    if (checkpoint === undefined) throw new Error(`the case has no weights, ${name} is needed`);
    return readValues(checkpoint, name);
  });
  const oracleFor = (batch: number, capacity: number) =>
    createOracle(module, weights, { batch, capacity, storage: storage === 'f16' ? 'rounded' : 'exact' });

  const { batch, length } = sizeOfJob(job);
  const outputs = oracleFor(batch, length).forward(callFor(job));
  const output = ['logits', 'hidden', 'out'].map((name) => outputs.get(name)).find((found) => found !== undefined);
  if (output === undefined) throw new Error('the module has no output');
  if (greedy === undefined || job.kind !== 'model') return { output: output.data };
  const prompt = job.ids[0] ?? [];
  return { output: output.data, greedy: continueGreedily(oracleFor(1, greedy.length), prompt, greedy.length) };
}

/** `length`: what the caches must hold, tokens or rows of a context. */
function sizeOfJob(job: Job): { readonly batch: number; readonly length: number } {
  if (job.kind === 'model') return { batch: job.ids.length, length: job.ids[0]?.length ?? 0 };
  if (job.kind === 'heads') return { batch: job.q.shape[0] ?? 0, length: job.q.shape[1] ?? 0 };
  const [batch = 0, length = 0] = job.x.shape;
  return { batch, length: Math.max(length, job.context?.shape[1] ?? 0) };
}

function callFor(job: Job): OracleCall {
  if (job.kind === 'model') return { ids: job.ids, logits: 'all' };
  return { inputs: new Map(Object.entries(inputsOf(job))) };
}

/** @returns the prompt and the most likely tokens after it, `length` in all. */
function continueGreedily(
  oracle: ReturnType<typeof createOracle>,
  prompt: readonly number[],
  length: number,
): readonly number[] {
  const tokens = [...prompt];
  let fresh: readonly number[] = prompt;
  while (tokens.length < length) {
    const logits = oracle.forward({ ids: [fresh] }).get('logits')?.data ?? new Float64Array();
    const best = logits.reduce((at, value, i) => (value > (logits[at] ?? Number.NEGATIVE_INFINITY) ? i : at), 0);
    tokens.push(best);
    fresh = [best];
  }
  return tokens;
}
