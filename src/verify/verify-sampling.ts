import { type SampleOptions, sampleReference } from '../compiler/oracle/sample.ts';
import type { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { Workspace } from '../runtime/abi1/workspace.ts';
import { randomNumbers } from './random.ts';

/** Draws whose uniform number lies this close to a boundary may fall on either side of it in f32. */
const boundaryWidth = 1e-5;

export interface SamplingCheck {
  readonly draws: number;
  /** Tokens that differ from the reference's where rounding cannot be the reason. */
  readonly disagreements: readonly string[];
}

const settings: readonly Omit<SampleOptions, 'seed' | 'draw'>[] = [
  { temperature: 0, topK: 0, topP: 1 },
  { temperature: 1, topK: 0, topP: 1 },
  { temperature: 0.6, topK: 5, topP: 1 },
  { temperature: 1.4, topK: 0, topP: 0.8 },
  { temperature: 0.9, topK: 12, topP: 0.5 },
  { temperature: 2, topK: 1, topP: 0.9 },
  { temperature: 1, topK: 3, topP: 0.01 },
];

/** Draws from random logits, some of them tied, and compares token by token. */
export async function verifySampling(loaded: LoadedModule, seed: number, batch = 8): Promise<SamplingCheck> {
  const { definition, variant, device, ledger } = loaded;
  const { vocab } = definition.facts;
  const next = randomNumbers(seed);
  const logits = Float32Array.from({ length: batch * vocab }, () => Math.round(next() * 400) / 40 - 5);
  const bound = new Set(variant.sample.flatMap(({ bind }) => bind));
  const buffers = definition.buffers.filter(({ name }) => bound.has(name));
  const workspace = await Workspace.create(loaded, { buffers, symbols: { B: batch, L: batch }, external: new Map() });
  const disagreements: string[] = [];
  let draws = 0;
  try {
    const sequences = Array.from({ length: batch }, () => ({ past: 0, count: 1 }));
    workspace.setStep({ batch, tokens: 1, keys: 1, capacity: 1, allLogits: false, sequences });
    ledger.upload(workspace.buffer('logits'), 0, new Uint8Array(logits.buffer));
    for (const [draw, setting] of [...settings, ...settings].entries()) {
      const options = { ...setting, seed: Math.floor(next() * 2 ** 32), draw };
      workspace.setSampling(options);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      workspace.record(pass, variant.sample, { B: batch });
      pass.end();
      device.queue.submit([encoder.finish()]);
      const tokens = new Uint32Array((await ledger.readBack(workspace.buffer('tokens'), 0, 4 * batch)).buffer);
      for (const [sequence, token] of tokens.entries()) {
        draws++;
        const reference = sampleReference(logits.subarray(sequence * vocab, (sequence + 1) * vocab), options, sequence);
        if (token === reference.token || reference.margin < boundaryWidth) continue;
        disagreements.push(`${JSON.stringify(options)}, sequence ${sequence}: ${token}, expected ${reference.token}`);
      }
    }
  } finally {
    workspace.dispose();
  }
  return { draws, disagreements };
}
