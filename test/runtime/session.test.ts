import { beforeAll, describe, expect, it } from 'vitest';
import { sampleReference } from '../../src/compiler/oracle/sample.ts';
import {
  type FetchSourceOptions,
  fetchSource,
  type GenerateOptions,
  LoadedModule,
  type LoadOptions,
  type PrefillOptions,
  type SamplingOptions,
  Session,
  type SessionOptions,
} from '../../src/runtime/abi1/index.ts';
import { type Example, loadExample, useDevice } from './examples.ts';

const gpu = useDevice();
const name = 'shakespeare-xt-mem-mqa';
let example: Example;
beforeAll(async () => {
  example = await loadExample(gpu.device, name);
});

const sessionOf = (options: SessionOptions = {}) => Session.create(example.module, { capacity: 64, ...options });

async function generated(session: Session, prompt: readonly number[], options: GenerateOptions): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of session.generate(prompt, options)) tokens.push(token);
  return tokens;
}

const ids = (text: string) => example.vocabulary.encode(text);
const argmax = (logits: Float32Array) => logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));

describe('prefill', () => {
  it.each(['last', 'all'] as const)('in chunks gives the %s logits of one piece', async (logits) => {
    const prompt = ids('To be, or not to be: that is');
    const whole = await (await sessionOf({ logits })).prefill(prompt);
    for (const chunk of [1, 5, 27, 28]) {
      const pieces = await (await sessionOf({ logits, chunk })).prefill(prompt);
      expect(pieces.shape).toEqual(whole.shape);
      const difference = whole.data.map((value, i) => Math.abs(value - (pieces.data[i] ?? Number.NaN)));
      expect(Math.max(...difference), `chunks of ${chunk}`).toBeLessThan(1e-4);
    }
  });

  it('goes on where it stopped', async () => {
    const prompt = ids('Now is the winter of our');
    const whole = await (await sessionOf()).prefill(prompt);
    const session = await sessionOf();
    await session.prefill(prompt.slice(0, 9));
    await session.prefill(prompt.slice(9, 20));
    for (const id of prompt.slice(20, -1)) await session.step(id);
    const last = await session.step(prompt.at(-1) ?? 0);
    expect(session.past).toEqual([prompt.length]);
    expect(Math.max(...last.data.map((value, i) => Math.abs(value - (whole.data[i] ?? Number.NaN))))).toBeLessThan(
      1e-4,
    );
  });

  it.each([
    ['last', 64],
    ['last', 3],
    ['all', 64],
    ['all', 3],
  ] as const)('of a ragged batch equals single sessions: %s logits, chunks of %i', async (logits, chunk) => {
    const prompts = [ids('ROMEO:\nWhat li'), ids('O'), ids('Speak')];
    const batch = await sessionOf({ batch: 3, logits, chunk });
    const together = await batch.prefill(prompts);
    const next = await batch.sample();
    const vocab = together.shape.at(-1) ?? 0;
    const longest = prompts[0]?.length ?? 0;
    for (const [b, prompt] of prompts.entries()) {
      const alone = await (await sessionOf({ logits })).prefill(prompt);
      const start = logits === 'all' ? b * longest * vocab : b * vocab;
      const own = together.data.subarray(start, start + alone.data.length);
      expect(Math.max(...alone.data.map((value, i) => Math.abs(value - (own[i] ?? Number.NaN))))).toBeLessThan(1e-4);
      expect(next[b], `sequence ${b}`).toBe(argmax(alone.data.subarray(-vocab)));
    }
    if (logits === 'all') {
      const padding = together.data.subarray((longest + 1) * vocab, 2 * longest * vocab);
      expect(padding.every((value) => value === 0)).toBe(true);
    }
    const stepped = await batch.step(next);
    const alone = await sessionOf();
    await alone.prefill([...(prompts[1] ?? [])]);
    const single = await alone.step(next[1] ?? 0);
    const own = stepped.data.subarray(vocab, 2 * vocab);
    expect(Math.max(...single.data.map((value, i) => Math.abs(value - (own[i] ?? Number.NaN))))).toBeLessThan(1e-4);
  });
});

describe('generate', () => {
  it('draws from the logits of the last token when all are asked for', async () => {
    const prompt = ids('ROMEO:\nWhat');
    const last = await generated(await sessionOf(), prompt, { maxTokens: 8 });
    expect(await generated(await sessionOf({ logits: 'all' }), prompt, { maxTokens: 8 })).toEqual(last);
  });

  it('gives one text for a seed, and others for others', async () => {
    const prompt = ids('JULIET:\n');
    const draw = async (seed: number) => generated(await sessionOf(), prompt, { temperature: 1, seed, maxTokens: 30 });
    const first = await draw(7);
    expect(await draw(7)).toEqual(first);
    expect(await draw(8)).not.toEqual(first);
    expect(first.length).toBe(30);
  });

  it('draws what the reference draws', async () => {
    const session = await sessionOf();
    const options = { temperature: 0.8, topK: 12, topP: 0.9, seed: 11 };
    let { data } = await session.prefill(ids('First'));
    for (let draw = 0; draw < 12; draw++) {
      const [token = -1] = await session.sample(options);
      const expected = sampleReference(data, { ...options, draw });
      if (expected.margin > 1e-5) expect(token).toBe(expected.token);
      data = (await session.step(token)).data;
    }
  });

  it('with topK 1, or a tiny topP, is greedy', async () => {
    const prompt = ids('The');
    const greedy = await generated(await sessionOf(), prompt, { maxTokens: 12 });
    expect(await generated(await sessionOf(), prompt, { maxTokens: 12, temperature: 2, topK: 1 })).toEqual(greedy);
    expect(await generated(await sessionOf(), prompt, { maxTokens: 12, temperature: 1, topP: 1e-6 })).toEqual(greedy);
  });

  it('stops before a stop id', async () => {
    const prompt = ids('ROMEO:\nWhat light is this');
    const newline = ids('\n')[0] ?? -1;
    const tokens = await generated(await sessionOf({ capacity: 200 }), prompt, { stop: [newline], maxTokens: 100 });
    expect(example.vocabulary.decode([...prompt, ...tokens])).toBe(
      example.greedy.slice(0, prompt.length + tokens.length),
    );
    expect(tokens).not.toContain(newline);
    expect(example.greedy[prompt.length + tokens.length]).toBe('\n');
  });

  it('fills the cache and ends', async () => {
    const session = await sessionOf({ capacity: 12 });
    const tokens = await generated(session, ids('Hear me'), {});
    expect(session.past).toEqual([12]);
    expect(tokens.length).toBe(12 - 7 + 1);
    await expect(session.step(1)).rejects.toThrow(
      '13 tokens do not fit a cache of 12: use a larger capacity, or reset()',
    );
    session.reset();
    expect(session.past).toEqual([0]);
    await session.prefill(ids('Hear'));
  });

  it('ends with the reason of an aborted signal', async () => {
    const session = await sessionOf();
    const abort = new AbortController();
    const tokens: number[] = [];
    const run = async () => {
      for await (const token of session.generate(ids('Go'), { signal: abort.signal })) {
        tokens.push(token);
        if (tokens.length === 3) abort.abort(new Error('enough'));
      }
    };
    await expect(run()).rejects.toThrow('enough');
    expect(tokens.length).toBe(3);
    // The session is still good.
    expect((await generated(session, [], { maxTokens: 2 })).length).toBe(2);
    await expect(generated(session, [], { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });

  it('goes on without a prompt after a break', async () => {
    const prompt = ids('ROMEO:\nWhat');
    const straight = await generated(await sessionOf(), prompt, { maxTokens: 10 });
    const session = await sessionOf();
    const tokens: number[] = [];
    for await (const token of session.generate(prompt)) {
      tokens.push(token);
      if (tokens.length === 4) break;
    }
    tokens.push(...(await generated(session, [], { maxTokens: 6 })));
    expect(tokens).toEqual(straight);
  });

  it('counts the draws that are seen: what was drawn ahead of a break is drawn again', async () => {
    const prompt = ids('ROMEO:\nWhat');
    const drawn = { temperature: 1, seed: 7 };
    const straight = await generated(await sessionOf(), prompt, { ...drawn, maxTokens: 8 });
    const session = await sessionOf();
    const tokens: number[] = [];
    for (const stopAt of [3, 5]) {
      for await (const token of session.generate(tokens.length === 0 ? prompt : [], { ...drawn })) {
        tokens.push(token);
        if (tokens.length === stopAt) break;
      }
    }
    // Of other options, and at last of the same again.
    expect(await session.sample({ temperature: 0 })).toHaveLength(1);
    session.reset();
    expect(await generated(session, prompt, { ...drawn, maxTokens: 8 })).toEqual(straight);
    expect(tokens).toEqual(straight.slice(0, 5));
  });
});

it('a session that is disposed runs nothing', async () => {
  const session = await sessionOf();
  session.dispose();
  await expect(session.prefill([1])).rejects.toThrow('the session is disposed: make another');
});

describe('what is refused', () => {
  it.each([
    [
      'an id outside of the vocabulary',
      (s: Session) => s.prefill([1, 65]),
      'token 1 is 65: ids are integers from 0 to 64',
    ],
    ['a fraction', (s: Session) => s.step(1.5), 'token 0 is 1.5'],
    ['a text', (s: Session) => s.prefill('hello' as never), 'a prompt is a list of ids'],
    ['texts', (s: Session) => s.prefill(['a'] as never), 'a prompt is a list of ids'],
    ['nothing', (s: Session) => s.prefill(undefined as never), 'a prompt is a list of ids'],
    ['a step of nothing', (s: Session) => s.step(undefined as never), 'at least one token'],
    ['generating from nothing', (s: Session) => generated(s, undefined as never, {}), 'a prompt is a list of ids'],
    ['generating from a text', (s: Session) => generated(s, 'hello' as never, {}), 'a prompt is a list of ids'],
    ['an empty prompt', (s: Session) => s.prefill([[]]), 'at least one token'],
    ['a batch of another size', (s: Session) => s.prefill([[1], [2]]), '2 prompts for a batch of 1'],
    [
      'a prompt beyond the capacity',
      (s: Session) => s.prefill(new Array(65).fill(1)),
      '65 tokens do not fit a cache of 64',
    ],
    ['sampling before a prompt', (s: Session) => s.sample(), 'there are no logits yet'],
    [
      'a negative temperature',
      (s: Session) => s.prefill([1]).then(() => s.sample({ temperature: -1 })),
      'temperature is -1',
    ],
    ['a topP of 0', (s: Session) => s.prefill([1]).then(() => s.sample({ topP: 0 })), 'topP is 0'],
    ['a fractional topK', (s: Session) => s.prefill([1]).then(() => s.sample({ topK: 1.5 })), 'topK is 1.5'],
    [
      'a seed beyond 32 bits',
      (s: Session) => s.prefill([1]).then(() => s.sample({ seed: 2 ** 32 })),
      'seed is 4294967296',
    ],
  ] as const)('%s', async (_, work, message) => {
    const session = await sessionOf();
    await expect(work(session)).rejects.toThrow(message);
    // Nothing is left half done.
    const { data } = await session.prefill([1, 2]);
    expect(data.every(Number.isFinite)).toBe(true);
  });

  it('two calls at a time', async () => {
    const session = await sessionOf();
    const first = session.prefill(ids('One'));
    await expect(session.prefill(ids('Two'))).rejects.toThrow('the session is busy: await one call before the next');
    await first;
    expect(session.past).toEqual([3]);
  });

  it.each([{ batch: 0 }, { capacity: 257 }, { chunk: 0 }, { batch: 1.5 }])('a session of %o', async (options) => {
    await expect(sessionOf(options)).rejects.toThrow(/it must be an integer from 1 to/);
  });

  it.each([
    ['maxToken of generate', { maxToken: 5 }, 'generate has no option "maxToken": did you mean maxTokens?'],
    ['max_tokens of generate', { max_tokens: 5 }, 'did you mean maxTokens?'],
    ['a strange option', { beams: 5 }, 'generate has no option "beams": it has temperature, topK, topP, seed, prefix'],
    ['a number of tokens', 5, 'generate takes options by name, { temperature, '],
    ['maxTokens that is no number', { maxTokens: Number.NaN }, 'maxTokens is NaN: it must be 0 or more'],
    ['stop that is no list', { stop: 3 }, 'stop is 3: it must be a list of ids'],
    ['a controller for a signal', { signal: new AbortController() }, 'pass `controller.signal`'],
    ['a temperature below 0', { temperature: -1 }, 'temperature is -1'],
  ])('%s', async (_, options, message) => {
    const session = await sessionOf();
    await expect(generated(session, [1], options as GenerateOptions)).rejects.toThrow(message);
    expect(session.past, 'nothing was run').toEqual([0]);
  });

  it('misspelt options of other calls', async () => {
    await expect(sessionOf({ capcity: 9 } as SessionOptions)).rejects.toThrow('did you mean capacity?');
    await expect(sessionOf({ logits: 'every' as 'all' })).rejects.toThrow(`it must be 'last' or 'all'`);
    const session = await sessionOf();
    await expect(session.prefill([1], { prefx: 1 } as PrefillOptions)).rejects.toThrow('did you mean prefix?');
    await expect(session.sample({ topk: 4 } as SamplingOptions)).rejects.toThrow('did you mean topK?');
    const load = LoadedModule.load(example.module.definition, { wieghts: 0 } as LoadOptions);
    await expect(load).rejects.toThrow('load has no option "wieghts": did you mean weights?');
    await expect(fetchSource('x', { header: {} } as FetchSourceOptions)).rejects.toThrow('did you mean headers?');
  });

  it('generate with a batch', async () => {
    const session = await sessionOf({ batch: 2 });
    await expect(generated(session, [1], {})).rejects.toThrow('make a session with batch 1');
  });
});

describe('a command encoder of the app', () => {
  it('gives the same logits', async () => {
    const prompt = ids('Enter');
    const { data } = await (await sessionOf()).prefill(prompt);
    const session = await sessionOf();
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    session.encode(pass, prompt);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    const bytes = await example.module.ledger.readBack(session.logitsBuffer, 0, data.byteLength);
    expect(new Float32Array(bytes.buffer)).toEqual(data);
  });
});

describe('dispose', () => {
  it('frees every buffer of a session, and of the module', async () => {
    const { module } = await loadExample(gpu.device, name);
    expect(module).toBeInstanceOf(LoadedModule);
    const before = module.ledger.totalBytes;
    const session = await Session.create(module);
    await session.prefill([1, 2, 3]);
    await session.sample();
    expect(module.ledger.totalBytes).toBeGreaterThan(before);
    session.dispose();
    session.dispose();
    expect(module.ledger.totalBytes).toBe(before);
    module.dispose();
    expect(module.ledger.entries()).toEqual([]);
    expect(module.ledger.totalBytes).toBe(0);
  });
});
