import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { LoadedModule, Session, type SessionOptions } from '../../src/runtime/abi1/index.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';
import { modelCases } from './models.ts';

const gpu = useDevice();

async function sessionOf(name: string, options: SessionOptions = {}): Promise<Session> {
  const yaml = modelCases.find((one) => one.name === name)?.yaml ?? '';
  const shaped = shapedOf(yaml);
  const weights = await randomCheckpoint(shaped, 5);
  const module = await LoadedModule.load(compileModule(shaped).definition, { device: gpu.device, weights });
  return Session.create(module, options);
}

const prompts = [
  [1, 2, 3, 4, 5],
  [6, 7],
];

describe('a session of an encoder', () => {
  it('reads each text from its first token on', async () => {
    const session = await sessionOf('an encoder', { batch: 2 });
    const first = await session.prefill(prompts);
    expect(first.shape).toEqual([2, 5, 28]);
    expect(session.past).toEqual([5, 2]);
    const again = await session.prefill(prompts);
    expect(again.data).toEqual(first.data);
    const alone = await (await sessionOf('an encoder')).prefill(prompts[1] ?? []);
    const [start, end] = [5 * 28, 7 * 28];
    const difference = alone.data.map((value, i) => Math.abs(value - (first.data.subarray(start, end)[i] ?? 0)));
    expect(Math.max(...difference)).toBeLessThan(1e-5);
  });

  it('gives the logits of all tokens when they are asked for', async () => {
    const session = await sessionOf('an encoder with a head for masked tokens', { logits: 'all' });
    expect((await session.prefill([1, 2, 3])).shape).toEqual([1, 3, 53]);
    expect((await (await sessionOf('an encoder with a head for masked tokens')).prefill([1, 2, 3])).shape).toEqual([
      1, 53,
    ]);
  });

  it('continues no text', async () => {
    const session = await sessionOf('an encoder with a head for masked tokens');
    await session.prefill([1, 2, 3]);
    const words = 'reads a text in both directions';
    await expect(session.step(4)).rejects.toThrow(words);
    await expect(session.sample()).rejects.toThrow(words);
    await expect(session.generate([4]).next()).rejects.toThrow(words);
  });

  it('refuses a text that does not fit one chunk', async () => {
    const session = await sessionOf('an encoder', { chunk: 3 });
    await expect(session.prefill([1, 2, 3, 4])).rejects.toThrow('4 tokens are more than 3 at a time');
    expect((await session.prefill([1, 2, 3])).shape).toEqual([1, 3, 28]);
  });
});

describe('a session of a causal model without a head', () => {
  it('gives hidden states of all tokens, in chunks as in one piece', async () => {
    const name = 'hidden states without a last norm';
    const whole = await (await sessionOf(name)).prefill([1, 2, 3, 4, 5]);
    expect(whole.shape).toEqual([1, 5, 28]);
    const session = await sessionOf(name, { chunk: 2 });
    const pieces = await session.prefill([1, 2, 3, 4, 5]);
    expect(Math.max(...whole.data.map((value, i) => Math.abs(value - (pieces.data[i] ?? 0))))).toBeLessThan(1e-4);
    expect((await session.step(6)).shape).toEqual([1, 1, 28]);
    await expect(session.sample()).rejects.toThrow('has no head');
  });
});
