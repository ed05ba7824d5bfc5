import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { type AttentionOption, attentionOptions, refusedPairs } from './options.ts';

/** Two options that give one argument different values are no pair. */
const agree = (a: AttentionOption, b: AttentionOption) =>
  Object.entries({ ...a.kwargs }).every(([key, value]) => b.kwargs?.[key] === undefined || b.kwargs[key] === value);

const pairs = attentionOptions.flatMap((a, index) =>
  attentionOptions.slice(index + 1).flatMap((b) => (agree(a, b) ? [{ name: `${a.name} + ${b.name}`, a, b }] : [])),
);

function check({ a, b }: { a: AttentionOption; b: AttentionOption }) {
  const kwargs = { dim: 24, heads: 4, dim_head: 8, causal: true, ...a.kwargs, ...b.kwargs };
  const { spec, notes, comments } = importConfig({ kwargs, call: { ...a.call, ...b.call } }, 'x-transformers', {
    name: 'pair',
  });
  const refused = notes.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  const result = checkSpec({ path: 'pair.gqa.yaml', text: printYaml(spec ?? {}, { comments }) });
  const errors = result.diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  return { shaped: result.shaped, codes: [...refused, ...errors] };
}

describe('every pair of implemented options', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    ({ device } = await openDevice());
  });
  afterAll(() => device?.destroy());

  it('is accepted, but for the pairs that contradict each other', () => {
    const refused = pairs.flatMap((pair) => {
      const { codes } = check(pair);
      return codes.length > 0 ? [[pair.name, codes[0]] as const] : [];
    });
    expect(Object.fromEntries(refused)).toEqual(refusedPairs);
  });

  it('that is accepted compiles and computes what the reference computes', { timeout: 600_000 }, async () => {
    const failures: string[] = [];
    for (const pair of pairs) {
      const { shaped } = check(pair);
      if (shaped === undefined) continue;
      const checkpoint = await randomCheckpoint(shaped, 7);
      const { entries } = await verifyModule(shaped, compileModule(shaped), { device, checkpoint, tokens: 7, seed: 3 });
      const wrong = entries.filter(({ passed }) => !passed);
      if (entries.length === 0 || wrong.length > 0) failures.push(`${pair.name}: ${JSON.stringify(wrong)}`);
    }
    expect(failures).toEqual([]);
  });
});
