import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { register } from '../../src/cli/commands/bench.ts';
import { benchReport, benchTable } from '../../src/cli/reports/bench-table.ts';
import { allProfiles, compileModule } from '../../src/compiler/compile.ts';
import { callsOf } from '../../src/compiler/facts/cost-report.ts';
import { devices } from '../../src/compiler/facts/devices.ts';
import { kernelCosts } from '../../src/compiler/facts/kernel-costs.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { runCommand } from '../cli/run-command.ts';

const model = 'model: { vocab: 40, hidden: 32, layers: 2, context: 64, norm: { kind: rms } }';
const specs: Readonly<Record<string, string>> = {
  given: 'attention: { q_heads: 4, kv_heads: 2, head_dim: 16, mask: { causal: true }, memory_kv: 3, sinks: true }',
  paged:
    'attention: { hidden: 32, q_heads: 4, kv_heads: 2, mask: { causal: true, padding: keys }, cache: { dtype: int8, kind: paged } }',
  cross: 'attention: { hidden: 32, q_heads: 4, kv_heads: 2, cross: 20 }',
  experts: `${model}
attention: { q_heads: 4, kv_heads: 2, rope: {}, mask: { causal: true }, heads: { active: runtime } }
mlp: { kind: gated, activation: silu, width: 48, experts: { count: 4, active: 2 } }`,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gqac-bench-'));
  for (const [name, text] of Object.entries(specs))
    await writeFile(join(folder, `${name}.yaml`), `gqac: 1\nname: ${name}\n${text}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

const bench = (name: string, ...args: readonly string[]) =>
  runCommand(register, 'bench', join(folder, `${name}.yaml`), ...args);

describe('gqac bench', () => {
  it.each(Object.keys(specs))('times each kernel of %s, and the calls', async (name) => {
    const { code, out } = await bench(name, '--tokens', '12', '--keys', '20', '--format', 'json');
    expect(code).toBe(0);
    const { calls } = JSON.parse(out);
    expect(calls).toMatchObject([
      { call: 'prefill', tokens: 12, keys: 12 },
      { call: 'decode', tokens: 1, keys: 20 },
    ]);
    for (const { milliseconds, least, most, kernels } of calls) {
      expect(least).toBeGreaterThan(0);
      expect(milliseconds).toBeGreaterThanOrEqual(least);
      expect(most).toBeGreaterThanOrEqual(milliseconds);
      for (const kernel of kernels) expect(kernel.milliseconds, kernel.kernel).toBeGreaterThan(0);
    }
  });

  it.each(Object.keys(specs))('finds the dispatches of %s by the kernels that costs are of', (name) => {
    const { shaped } = checkSpec({ path: 's.yaml', text: `gqac: 1\nname: ${name}\n${specs[name]}\n` });
    if (shaped === undefined) throw new Error('the spec has errors');
    for (const profile of allProfiles) {
      const { definition, module, programs } = compileModule(shaped, [profile]);
      const [variant] = definition.variants;
      const [program] = programs;
      if (variant === undefined || program === undefined) throw new Error('there is no variant');
      const names = new Set([...variant.prefill, ...variant.decode, ...variant.sample].map(({ kernel }) => kernel));
      for (const { call: _, ...size } of callsOf({ tokens: 12, keys: 20 }))
        for (const { kernel } of kernelCosts(module, program, size)) expect(names).toContain(kernel);
    }
  });

  it.each([
    [['--target', 'all'], '--target all: one target is timed at a time'],
    [['--tokens', '1'], '--tokens 1 is not an integer from 2 to'],
    [['--format', 'xml'], '--format xml is not known: use human or json'],
  ])('refuses %j as usage', async (args, message) => {
    await expect(bench('given', ...args)).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining(message),
    });
  });
});

describe('the table', () => {
  const timing = { median: 2, least: 1, most: 3, clock: 0 };
  const cost = { bytesWritten: 0, flops: 9e9, arithmetic: 'f32' } as const;
  const calls = [
    {
      call: 'decode',
      size: { batch: 1, tokens: 1, keys: 4096 },
      costs: [{ ...cost, kernel: 'linear_row', dispatches: 16, bytesRead: 3e9 }],
      timing: { whole: timing, kernels: [timing] },
    },
  ] as const;
  const facts = { name: 'tiny', adapter: 'adapter: H100', variant: 'matrix', timedBy: 'time stamps' };

  it('says what part of the least time was reached, where the device is known', () => {
    expect(benchTable(benchReport({ ...facts, ceilings: devices.h100 }, calls))).toBe(`adapter: H100
tiny, variant matrix, timed by time stamps

decode of 1 token, 4,096 keys: 2 ms (1 ms to 3 ms), 1 ms at least
                    times         time        floor      reached        bytes     products
  linear_row           16         2 ms         1 ms         50 %     1.5 TB/s  4.5 TFLOP/s
`);
  });

  it('leaves that out elsewhere', () => {
    expect(benchTable(benchReport(facts, calls))).not.toContain('floor');
  });
});
