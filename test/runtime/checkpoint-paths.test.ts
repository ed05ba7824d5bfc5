import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/node/checkpoint-file.ts';
import { openFile } from '../../src/node/file-source.ts';

const model = new URL('../../examples/shakespeare-minimind-gqa/model.safetensors', import.meta.url);

describe('a checkpoint', () => {
  it('is opened by a file URL as by a path', async () => {
    const byUrl = await openCheckpoint(model);
    const byPath = await openCheckpoint(model.pathname);
    expect([...byUrl.tensors.keys()]).toEqual([...byPath.tensors.keys()]);
    expect(byUrl.name).toBe(byPath.name);
    await byUrl.close();
    await byPath.close();
  });

  it.each([
    [undefined, 'a path is a text or a URL, and not undefined'],
    [new URL('https://example.org/model.safetensors'), 'fetchSource of gqac/runtime reads over HTTP'],
  ])('is not opened by %s', async (place, message) => {
    await expect(openCheckpoint(place as URL)).rejects.toThrow(message);
    await expect(openFile(place as URL)).rejects.toThrow(message);
  });

  it('is not opened with options that there are not', async () => {
    await expect(openCheckpoint(model, { wihtin: '.' } as object)).rejects.toThrow('did you mean within?');
  });
});
