import { beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../src/runtime/abi1/index.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { TextSession } from '../../src/text/text-session.ts';
import { type Example, loadExample, readExample, useDevice } from './examples.ts';

const gpu = useDevice();
const name = 'shakespeare-minimind-gqa';
let example: Example;
beforeAll(async () => {
  example = await loadExample(gpu.device, name);
});

const sessionOf = () => Session.create(example.module, { capacity: 64 });
const ids = (text: string) => example.vocabulary.encode(text);

describe('rewind', () => {
  it('goes on from an earlier token as if what followed had never been', async () => {
    const fresh = await (await sessionOf()).prefill(ids('To be, or not'));
    const session = await sessionOf();
    await session.prefill(ids('To be. Farewell'));
    session.rewind(5);
    expect(session.past).toEqual([5]);
    expect(session.past[0]).toBe(ids('To be').length);
    const again = await session.prefill(ids(', or not'));
    expect(Math.max(...again.data.map((value, i) => Math.abs(value - (fresh.data[i] ?? Number.NaN))))).toBeLessThan(
      1e-4,
    );
  });

  it('leaves no logits to draw from, and does not go forward', async () => {
    const session = await sessionOf();
    await session.prefill(ids('To be'));
    expect(() => session.rewind(6)).toThrow('cannot go back to 6 tokens: the cache has 5');
    session.rewind(3);
    await expect(session.sample()).rejects.toThrow('no logits');
  });
});

describe('TextSession', () => {
  it('runs what is new of a longer prompt only, with the same text', async () => {
    const characters: string[] = JSON.parse(new TextDecoder().decode(await readExample(name, 'vocab.json')));
    const tokenizer = characterTokenizer(characters);
    const say = async (session: TextSession, prompt: string) => {
      let text = '';
      for await (const piece of session.reply(ids(prompt), { maxTokens: 8 })) text += piece.text;
      return text;
    };
    const session = await sessionOf();
    const kept = new TextSession(session, tokenizer);
    const first = await say(kept, 'ROMEO:');
    const encoded = encodedTokens(session);
    const second = await say(kept, `ROMEO:${first}\nJULIET:`);
    expect(encoded()).toBe('\nJULIET:'.length + 1 + 7);
    expect(second).toBe(await say(new TextSession(await sessionOf(), tokenizer), `ROMEO:${first}\nJULIET:`));
  });

  it('is made of the session of any module', async () => {
    interface Hooks {
      readonly 'layers.0.hooks.z': readonly [B: number, I: number, 6, 32];
    }
    const session = await Session.create<65, Hooks>(example.module);
    const tokenizer = { encode: () => [], decode: () => '', idOf: () => undefined };
    await expect(new TextSession(session, tokenizer).reply([]).next()).rejects.toThrow('at least one token');
  });

  it('says why a text ended, and refuses an empty prompt', async () => {
    const tokenizer = { encode: () => [], decode: () => '', idOf: () => undefined };
    const end = async (...[prompt, options]: Parameters<TextSession['reply']>) => {
      const reply = new TextSession(await sessionOf(), tokenizer).reply(prompt, options);
      for (;;) {
        const { done, value } = await reply.next();
        if (done) return value;
      }
    };
    expect(await end(ids('ROMEO:'), { maxTokens: 2 })).toBe('length');
    expect(await end(ids('ROMEO:'))).toBe('context');
    expect(await end(ids('ROMEO:'), { stop: [...Array(65).keys()] })).toBe('stop');
    await expect(end([])).rejects.toThrow('a prompt has at least one token');
  });
});

/** Tokens that the cache has grown by since; rewinding to the shared beginning counts from there. */
function encodedTokens(session: Session): () => number {
  let rewound = 0;
  const rewind = session.rewind.bind(session);
  session.rewind = (tokens) => {
    rewound = tokens;
    rewind(tokens);
  };
  return () => (session.past[0] ?? 0) - rewound;
}
