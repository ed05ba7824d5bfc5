import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/runtime/abi1/errors.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { chatTemplate } from '../../src/text/chat-template.ts';
import { huggingFaceTokenizer } from '../../src/text/hugging-face.ts';
import { TextStream } from '../../src/text/text-stream.ts';
import { allBytes, byteLevelTokenizer } from './byte-level.ts';

const bytes = huggingFaceTokenizer(byteLevelTokenizer(allBytes, ['<|end|>']), {});

describe('tokenizer.json', () => {
  it('gives ids and takes them back', () => {
    const ids = bytes.encode('zoë 🎈\n');
    expect(ids).toEqual([...new TextEncoder().encode('zoë 🎈\n')]);
    expect(bytes.decode(ids)).toBe('zoë 🎈\n');
  });

  it('knows special tokens by name, and leaves them out of text', () => {
    expect(bytes.encode('a<|end|>')).toEqual([97, 256]);
    expect(bytes.idOf('<|end|>')).toBe(256);
    expect(bytes.idOf('<s>')).toBeUndefined();
    expect(bytes.decode([97, 256])).toBe('a');
    expect(bytes.decode([])).toBe('');
  });

  it.each([
    ['nothing', {}],
    ['an unknown model', { ...byteLevelTokenizer(allBytes), model: { type: 'Oracle', vocab: [] } }],
    ['an unknown decoder', { ...byteLevelTokenizer(allBytes), decoder: { type: 'Oracle' } }],
  ])('of %s is refused', (_, written) => {
    expect(() => huggingFaceTokenizer(written, {})).toThrow(UsageError);
  });
});

describe('TextStream', () => {
  const pieces = (stream: TextStream, ids: readonly number[]) => [...ids.map((id) => stream.push(id)), stream.end()];

  it('holds back the bytes of an unfinished character', () => {
    const ids = bytes.encode('aé🎈b');
    expect(pieces(new TextStream(bytes), ids)).toEqual(['a', '', 'é', '', '', '', '🎈', 'b', '']);
  });

  it('gives what is left at the end as it is', () => {
    expect(pieces(new TextStream(bytes), [97, 0xf0, 0x9f])).toEqual(['a', '', '', '\ufffd']);
  });

  it('does not hold back what no further byte can mend', () => {
    expect(pieces(new TextStream(bytes), [0xf0, 97])).toEqual(['', '\ufffda', '']);
  });

  it('keeps the space before a word that goes on from a prompt', () => {
    const words = ['▁the', '▁cat', 's'];
    const tokenizer = {
      encode: () => [],
      idOf: () => undefined,
      decode: (ids: readonly number[]) =>
        ids
          .map((id) => words[id])
          .join('')
          .replaceAll('▁', ' ')
          .trimStart(),
    };
    expect(pieces(new TextStream(tokenizer, [0]), [1, 2])).toEqual([' cat', 's', '']);
    expect(pieces(new TextStream(tokenizer), [1, 2])).toEqual(['cat', 's', '']);
  });
});

describe('a list of characters', () => {
  it('has one token for each', () => {
    const tokenizer = characterTokenizer(['a', '🎈']);
    expect(tokenizer.encode('🎈a')).toEqual([1, 0]);
    expect(tokenizer.decode([0, 1])).toBe('a🎈');
    expect(tokenizer.idOf('🎈')).toBe(1);
    expect(() => tokenizer.encode('b')).toThrow(/"b" \(U\+0062\) at position 0/);
  });
});

describe('chat templates', () => {
  const source = `{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;

  it('make one text of the messages', () => {
    const render = chatTemplate(source, { bos_token: '<s>' });
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: ' hi ' },
    ] as const;
    expect(render(messages)).toBe('<s><system>be brief<user>hi<assistant>');
  });

  it('may refuse, and say why', () => {
    const render = chatTemplate("{{ raise_exception('no system role') }}", {});
    expect(() => render([])).toThrow(new UsageError('the chat template refuses these messages: no system role'));
    expect(() => chatTemplate('{% for %}', {})).toThrow(UsageError);
  });
});
