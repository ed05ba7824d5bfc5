import type { Tensor } from '../compiler/oracle/tensor.ts';
import { AttentionSession } from '../runtime/abi1/attention.ts';
import type { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { Session } from '../runtime/abi1/session.ts';
import type { CallSequence } from './calls.ts';
import { compareRows, type Difference } from './compare.ts';
import type { CallTrace, TracedCall } from './trace.ts';

export interface WholeError extends Difference {
  /** What was run, for people. */
  readonly output: string;
  readonly tensor: string;
  readonly shape: readonly number[];
}

/** The calls as an app makes them, through the sessions of the runtime: errors add up from kernel to kernel. */
export function runWhole(
  loaded: LoadedModule,
  sequence: CallSequence,
  traces: readonly CallTrace[],
): Promise<readonly WholeError[]> {
  return loaded.definition.kind === 'model'
    ? runModel(loaded, sequence, traces)
    : runAttention(loaded, sequence, traces);
}

async function runModel(loaded: LoadedModule, { batch, capacity }: CallSequence, traces: readonly CallTrace[]) {
  const { output } = loaded.definition.facts;
  const errors: WholeError[] = [];
  // A session gives the logits of all tokens or of the last ones: each kind of call has one of its own, fed with all calls.
  for (const logits of ['last', 'all'] as const) {
    const session = await Session.create(loaded, { batch, capacity, logits });
    try {
      for (const { call, outputs } of traces) {
        give(session, call);
        // A session keeps the prefix of its first call.
        const prefix = call.prefix && session.past.every((past) => past === 0) ? { prefix: call.prefix } : {};
        const { data } = await session.prefill(call.ids ?? [], prefix);
        const reference = outputs.get(output);
        if (reference === undefined || (call.logits ?? 'last') !== logits) continue;
        const what = output === 'hidden' ? 'hidden states' : `${logits} logits`;
        errors.push(compared(what, output, reference, data));
      }
    } finally {
      session.dispose();
    }
  }
  return errors;
}

async function runAttention(loaded: LoadedModule, { batch, capacity }: CallSequence, traces: readonly CallTrace[]) {
  const errors: WholeError[] = [];
  const tokens = Math.max(...traces.map(({ step }) => step.tokens));
  const session = await AttentionSession.create(loaded, { batch, tokens, keys: capacity });
  try {
    for (const { call, outputs, step, contextStep } of traces) {
      const reference = outputs.get('out');
      if (reference === undefined) continue;
      const inputs = [...(call.inputs ?? [])].map(([name, { data }]) => [name, Float32Array.from(data)] as const);
      const keys = step.sequences.map(({ past, count }) => past + count);
      const lengths = { tokens: call.counts, keys: contextStep === undefined ? keys : step.keys };
      const out = await session.run(Object.fromEntries(inputs), {
        ...lengths,
        ...(call.prefix && { prefix: call.prefix }),
      });
      errors.push(compared('output', 'out', reference, out));
    }
  } finally {
    session.dispose();
  }
  return errors;
}

function compared(output: string, tensor: string, reference: Tensor, got: ArrayLike<number>): WholeError {
  const { shape, data } = reference;
  return { output, tensor, shape, ...compareRows(got, data, shape.at(-1) ?? 1) };
}

/** Masks of heads, and parameters that no checkpoint has. */
function give(session: Session, { inputs }: TracedCall): void {
  for (const [name, { data }] of inputs ?? []) {
    if (name.endsWith('.active_heads')) session.setActiveHeads(Number(name.split('.')[1]), Array.from(data, Boolean));
    else if (name.includes('.edits.')) session.setEdit(name, Float32Array.from(data));
    else session.setParameter(name, Float32Array.from(data));
  }
}
