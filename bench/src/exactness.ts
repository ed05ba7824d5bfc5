import type { TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { errorsOf } from './attention.ts';
import { openRun } from './attention-run.ts';
import type { BenchDevice } from './device.ts';
import type { AttentionCase } from './reference.ts';

/** The worst row of a case that is checked and not timed, and how far off it may be. */
export interface Exactness {
  readonly name: string;
  readonly profile: string;
  readonly worstRow: number;
  readonly allowed: number;
}

const group = { qHeads: 8, kvHeads: 2, headDim: 128, activations: 'f32' } as const;
const memory = { memory: 18, sinks: true } as const;
const latent = {
  qHeads: 64,
  kvHeads: 1,
  headDim: 576,
  cache: { kind: 'latent', valueDim: 512, ownDim: 128 },
} as const;

/** One case for each form that a kernel has, small. Queries are f32, and such that f16 does not hold them. */
const forms: readonly (Partial<AttentionCase> & Pick<AttentionCase, 'name' | 'tokens' | 'keys'>)[] = [
  { name: 'decode', tokens: 1, keys: 700 },
  { name: 'decode, head_dim 80, one KV head', tokens: 1, keys: 700, headDim: 80, kvHeads: 1 },
  { name: 'decode, memory', tokens: 1, keys: 40, ...memory },
  { name: 'decode, memory beside a window', tokens: 1, keys: 700, window: 100, ...memory },
  { name: 'decode, int8 cache', tokens: 1, keys: 700, cache: { kind: 'int8' } },
  { name: 'decode, latent cache', tokens: 1, keys: 700, ...latent },
  { name: '4 tokens', tokens: 4, keys: 700 },
  { name: '4 tokens, memory', tokens: 4, keys: 300, ...memory },
  { name: '4 tokens, head_dim 256', tokens: 4, keys: 700, headDim: 256 },
  { name: '100 tokens on 1,100 keys', tokens: 100, keys: 1100 },
  { name: 'prompt', tokens: 300, keys: 300 },
  { name: 'prompt, head_dim 256', tokens: 150, keys: 150, headDim: 256 },
  { name: 'prompt, memory', tokens: 150, keys: 150, ...memory },
  { name: 'prompt, window', tokens: 300, keys: 300, window: 50 },
  { name: 'prompt, compute: f16', tokens: 300, keys: 300, compute: 'f16' },
  { name: 'sequences of 7, 130 and 64', tokens: 130, keys: 130, lengths: [7, 130, 64] },
];

/** Logits with a deviation of about 11, and to about ±10,000. */
export const exactnessCases: readonly AttentionCase[] = forms.flatMap((form) =>
  [8.1, 2047.3].map((factor): AttentionCase => {
    const queryScale = form.headDim === latent.headDim ? factor / 2 : factor;
    return { ...group, ...form, queryScale, name: `logits × ${factor}, ${form.name}` };
  }),
);

/** Products of f16 without matrices, and the best that the device has. */
export const exactnessProfiles = (available: readonly TargetProfile[]): readonly TargetProfile[] =>
  available.filter((profile, index) => profile.id === 'f16' || index === available.length - 1);

/** What all cases come to, by profile. */
export function exactnessLines(found: readonly Exactness[]): string {
  const ids = [...new Set(found.map(({ profile }) => profile))];
  return ids
    .map((id) => {
      const own = found.filter(({ profile }) => profile === id);
      const worst = own.reduce((most, one) => (one.worstRow > most.worstRow ? one : most));
      return `large logits, ${id}: ${own.length} cases, worst row ${worst.worstRow.toExponential(1)} (${worst.name})`;
    })
    .join('\n');
}

export async function checkExactness(
  { device }: BenchDevice,
  one: AttentionCase,
  profile: TargetProfile,
  portable: Float32Array,
): Promise<Exactness> {
  const run = await openRun(device, one, profile, 1);
  try {
    const { worstRow } = errorsOf(one, await run.output(), portable);
    const allowed = profile.id === 'f16' || one.compute === 'f16' ? 5e-3 : 1e-3;
    return { name: one.name, profile: profile.id, worstRow, allowed };
  } finally {
    run.dispose();
  }
}
