import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';
import type { Backend, CaseOutputs } from './backend.ts';
import { caseId, findCases } from './cases.ts';
import { firstDifference, relativeError } from './compare.ts';
import type { PreparedCase } from './prepare.ts';
import { type CaseResult, runCases } from './runner.ts';

const root = 'test/golden/cases';

function backend(run: (prepared: PreparedCase) => CaseOutputs): Backend {
  return { description: 'test', run: async (prepared) => run(prepared), close: async () => {} };
}

async function scoreOf(filter: string, run: (prepared: PreparedCase) => CaseOutputs): Promise<CaseResult | undefined> {
  for await (const result of runCases(await findCases(root, [filter]), backend(run), 'f32')) return result;
  return undefined;
}

describe('findCases', () => {
  it('finds cases at any level, in order, by any of the filters', async () => {
    const all = (await findCases(root)).map(caseId);
    expect(all.length).toBeGreaterThan(10);
    expect(all).toEqual([...all].sort());
    expect((await findCases(`${root}/sdpa`)).every(({ family }) => family === 'sdpa')).toBe(true);
    expect((await findCases(`${root}/sdpa/mha_causal`)).map(caseId)).toEqual(['sdpa/mha_causal']);
    const filtered = (await findCases(root, ['sdpa/mqa', 'minimind/minimind'])).map(caseId);
    expect(filtered).toEqual(['minimind/minimind_dense', 'sdpa/mqa_mem5_causal']);
  });
});

describe('scoring', () => {
  it('passes what is equal', async () => {
    const score = await scoreOf('sdpa/mqa', ({ expected }) => ({ output: expected.data }));
    expect(score).toMatchObject({ status: 'pass', error: 0, reason: null });
  });

  it('fails what is too far, of the wrong size, or not finite', async () => {
    const far = await scoreOf('sdpa/mqa', ({ expected }) => ({ output: expected.data.map((x) => x * 1.001) }));
    expect(far).toMatchObject({ status: 'fail', reason: 'relative error 1.00e-3 is above 0.00002' });
    const short = await scoreOf('sdpa/mqa', ({ expected }) => ({ output: expected.data.subarray(1) }));
    expect(short).toMatchObject({ status: 'fail', error: null });
    const odd = await scoreOf('sdpa/mqa', ({ expected }) => ({ output: expected.data.map(() => Number.NaN) }));
    expect(odd).toMatchObject({ status: 'fail', error: null, reason: 'output is not finite' });
  });

  it('fails another greedy token, however small the error', async () => {
    const score = await scoreOf('minimind/', ({ expected, greedy = [] }) => ({
      output: expected.data,
      greedy: greedy.map((token, i) => (i === 25 ? token + 1 : token)),
    }));
    expect(score?.reason).toMatch(/^greedy token 25 is/);
  });

  it('goes on after a crash', async () => {
    const results: CaseResult[] = [];
    const crash = backend(() => {
      throw new Error('the device is on fire');
    });
    for await (const result of runCases(await findCases(root, ['sdpa/']), crash, 'f32')) results.push(result);
    expect(results.length).toBeGreaterThan(3);
    expect(new Set(results.map(({ status, reason }) => `${status}: ${reason}`))).toEqual(
      new Set(['fail: the device is on fire']),
    );
  });

  it('fails a case that cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gqac-golden-'));
    try {
      await writeFile(join(folder, 'case.json'), '{');
      const crash = backend(() => ({ output: new Float32Array() }));
      const results: CaseResult[] = [];
      for await (const result of runCases(await findCases(folder), crash, 'f32')) results.push(result);
      expect(results).toMatchObject([{ status: 'fail', reason: expect.stringContaining('case.json cannot be read') }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('calls unsupported what a spec or an importer cannot say', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gqac-golden-'));
    const write = async (json: unknown, inputs: readonly string[]) => {
      await writeFile(join(folder, 'case.json'), JSON.stringify(json));
      const bytes = new Uint8Array(4);
      const tensors = inputs.map((name) => ({ name, dtype: 'F32' as const, shape: [1], bytes }));
      await writeFile(join(folder, 'tensors.safetensors'), writeSafetensors(tensors));
      for await (const result of runCases(
        await findCases(folder),
        backend(() => ({ output: new Float32Array() })),
        'f32',
      ))
        return result;
      return undefined;
    };
    try {
      const base = { family: 'x-transformers-attention', name: 'odd' };
      expect(await write({ ...base, kwargs: { dim: 8, selective: true } }, ['in.x'])).toMatchObject({
        status: 'unsupported',
        reason: expect.stringContaining('kwargs.selective'),
      });
      expect(await write({ ...base, kwargs: { dim: 8 } }, ['in.x', 'in.mem'])).toMatchObject({
        status: 'unsupported',
        reason: 'a module cannot be given in.mem yet',
      });
      expect(await write({ ...base, family: 'other', kwargs: { width: 8 } }, ['in.x'])).toMatchObject({
        status: 'unsupported',
        reason: 'no importer for other yet',
      });
      expect(await write({ ...base, kwargs: { dim: 8, kv_head: 1 } }, ['in.x'])).toMatchObject({ status: 'fail' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('comparison', () => {
  it('is relative, and never finite for what is not', () => {
    expect(relativeError([3, 4], [3, 4])).toBe(0);
    expect(relativeError([3, 5], [3, 4])).toBeCloseTo(1 / 5, 15);
    expect(relativeError([1], [1, 2])).toBeNaN();
    expect(relativeError([Number.POSITIVE_INFINITY], [1])).toBe(Number.POSITIVE_INFINITY);
  });

  it('finds the first token that differs', () => {
    expect(firstDifference([1, 2], [1, 2])).toBeUndefined();
    expect(firstDifference([1, 3], [1, 2])).toBe(1);
    expect(firstDifference([1], [1, 2])).toBe(1);
  });
});
