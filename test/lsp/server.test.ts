import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Editor } from './client.ts';

let editor: Editor;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gqac-lsp-'));
  editor = await Editor.start();
}, 60_000);
afterAll(async () => {
  expect(await editor.stop()).toBe(0);
  rmSync(folder, { recursive: true });
});
const uriOf = (name: string) => pathToFileURL(join(folder, name)).href;

const head = 'gqac: 1\nname: example\n';
const block = `${head}attention:\n  q_heads: 8\n  kv_heads: 3\n  head_dim: 64\n`;

describe('findings', () => {
  test('come with their help and places, and go when they are mended', async () => {
    const uri = uriOf('a.gqa.yaml');
    const found = await editor.open(uri, block);
    expect(found).toMatchObject([
      {
        code: 'GQA001',
        severity: 1,
        source: 'gqac',
        message: 'kv_heads 3 does not divide q_heads 8\nhelp: use 1, 2, 4 or 8',
        range: { start: { line: 4, character: 12 }, end: { line: 4, character: 13 } },
        relatedInformation: [{ location: { uri, range: { start: { line: 3, character: 11 } } } }],
      },
    ]);
    const fixes = await editor.actions(uri, block.replace('3', '|3'));
    expect(fixes.map(({ kind, isPreferred }) => [kind, isPreferred])).toEqual(Array(4).fill(['quickfix', false]));
    const [edit] = Object.values(fixes[2]?.edit?.changes ?? {}).flat();
    expect(edit).toEqual({ range: found[0]?.range, newText: '4' });
    expect(await editor.actions(uri, `|${block}`)).toEqual([]);
    expect(await editor.type(uri, block, 'kv_heads: 3', 'kv_heads: 4')).toEqual([]);
    expect(await editor.close(uri)).toEqual([]);
  });

  test('of a text without effect are marked as unnecessary, and deleted by the preferred fix', async () => {
    const uri = uriOf('b.gqa.yaml');
    const text = `${head}attention:\n  q_heads: 8\n  head_dim: 64\n  normalizer: sigmoid\n  sinks: true\n`;
    expect(await editor.open(uri, text)).toMatchObject([{ code: 'OPT002', severity: 2, tags: [1] }]);
    expect(await editor.actions(uri, text.replace('sinks', '|sinks'))).toMatchObject([
      { title: 'delete `sinks`', isPreferred: true },
    ]);
    await editor.close(uri);
  });

  test('of a file that is included are shown there', async () => {
    writeFileSync(join(folder, 'part.part.gqa.yaml'), 'attention:\n  kv_heads: 3\n');
    const uri = uriOf('c.gqa.yaml');
    const text = `${head}include: part.part.gqa.yaml\nattention: { q_heads: 8, head_dim: 64 }\n`;
    const [own, others] = await Promise.all([editor.open(uri, text), editor.published(uriOf('part.part.gqa.yaml'))]);
    expect(own).toEqual([]);
    expect(others).toMatchObject([{ code: 'GQA001', range: { start: { line: 1, character: 12 } } }]);
    await editor.close(uri);
  });

  test('of the DSL, of malformed text, and of a part, which is no spec', async () => {
    expect(
      await editor.open(uriOf('d.gqa'), 'gqac 1\nname x\nattention { q_heads 8 kv_heads 3 head_dim 4 }\n'),
    ).toMatchObject([{ code: 'GQA001' }]);
    expect(await editor.open(uriOf('e.gqa.yaml'), 'a: [')).toMatchObject([{ code: 'SYN001' }]);
    expect(await editor.open(uriOf('f.part.gqa.yaml'), 'attention: { kv_heads: 3 }')).toEqual([]);
    expect(await editor.open('untitled:Untitled-1', block)).toMatchObject([{ code: 'GQA001' }]);
  });

  test('a checkpoint that cannot be read is a remark on the first line', async () => {
    writeFileSync(join(folder, 'broken.safetensors'), 'no header');
    const text = `${head}attention: { hidden: 64, q_heads: 4 }\nweights: { file: broken.safetensors }\n`;
    const found = await editor.open(uriOf('g.gqa.yaml'), text);
    expect(found).toMatchObject([{ severity: 2, range: { start: { line: 0, character: 0 } } }]);
    expect(found[0]?.message).toContain('broken.safetensors');
  });
});

describe('hover', () => {
  test.each([
    ['h.gqa.yaml', `${head}attention:\n  q_heads: 8\n  kv_h|eads: 3\n`, '**attention.kv_heads**'],
    ['h.gqa.yaml', `${head}attention: { q_heads: 8, group_order: inter|leaved }\n`, '**attention.group_order**'],
    ['h.gqa.yaml', `${head}attention: { q_heads: 8, biases: [q, |v] }\n`, '**attention.biases**'],
    ['h.gqa', 'gqac 1\nname x\nattention { q_heads 8 mask { cau|sal } }\n', '**attention.mask.causal**'],
    [
      'h.gqa.yaml',
      `${head}layers: { kinds: { near: { attention: { mask: { wind|ow: 4 } } } } }\n`,
      'Only keys less than',
    ],
  ])('%#: says what an option is', async (name, text, expected) => {
    const answer = await editor.hover(uriOf(name), text);
    expect(JSON.stringify(answer?.contents)).toContain(expected);
    expect(answer?.range).toBeDefined();
  });

  test('says nothing where nothing is', async () => {
    expect(await editor.hover(uriOf('h.gqa.yaml'), `${head}|\nattention: { q_heads: 8 }\n`)).toBeNull();
    expect(await editor.hover(uriOf('h.gqa.yaml'), 'a: [|')).toBeNull();
  });
});

describe('completion', () => {
  const labels = async (name: string, text: string) =>
    (await editor.completion(uriOf(name), text)).map(({ label }) => label);

  test.each([
    ['k.gqa.yaml', `${head}attention:\n  q_heads: 8\n  kv|\n`],
    ['k.gqa.yaml', `${head}attention:\n  q_heads: 8\n  kv|\n  head_dim: 4\nmodel: { vocab: 5 }\n`],
    ['k.gqa.yaml', `${head}attention: { q_heads: 8, | }\n`],
    ['k.gqa.yaml', `${head}attention: { q_heads: 8, |`],
    ['k.gqa.yaml', `${head}attention:\n  |\n`],
    ['k.gqa', 'gqac 1\nname x\nattention {\n  q_heads 8\n  kv|\n'],
    ['k.gqa.yaml', `${head}layers:\n  kinds:\n    near:\n      attention:\n        kv|\n`],
  ])('%#: options of a map, but for those that it has', async (name, text) => {
    const found = await labels(name, text);
    expect(found).toContain('kv_heads');
    expect(found.includes('q_heads')).toBe(!text.includes('q_heads'));
  });

  test.each([
    ['v.gqa.yaml', `${head}attention:\n  group_order: |\n`, ['blocked', 'interleaved']],
    ['v.gqa.yaml', `${head}attention: { group_order: inter| }\n`, ['blocked', 'interleaved']],
    ['v.gqa.yaml', `${head}attention: { biases: [q, |] }\n`, ['q', 'k', 'v', 'o']],
    ['v.gqa.yaml', `${head}attention: { mask: { causal: | } }\n`, ['true', 'false']],
    ['v.gqa.yaml', `${head}attention: { normalizer: | }\n`, ['softmax', 'topk', 'sigmoid']],
    ['v.gqa', 'gqac 1\nname x\nattention { group_order | }\n', ['blocked', 'interleaved']],
    ['v.gqa.yaml', `${head}use: |\nblocks: { big: {}, small: {} }\n`, ['big', 'small']],
    ['v.gqa.yaml', `${head}layers: { pattern: [|], kinds: { near: {}, far: {} } }\n`, ['near', 'far']],
    ['v.gqa.yaml', `${head}attention: { q_heads: | }\n`, []],
  ])('%#: words that an option takes', async (name, text, expected) => {
    expect(await labels(name, text)).toEqual(expected);
  });

  test('inserts a colon in YAML where there is none yet, and says what the option is', async () => {
    const item = async (name: string, text: string) =>
      (await editor.completion(uriOf(name), text)).find(({ label }) => label === 'kv_heads');
    expect(await item('i.gqa.yaml', `${head}attention:\n  q_heads: 8\n  kv|\n`)).toMatchObject({
      insertText: 'kv_heads:',
      detail: 'an integer from 1 to 4096',
      documentation: { kind: 'markdown' },
    });
    expect(await item('i.gqa.yaml', `${head}attention:\n  q_heads: 8\n  kv|: 4\n`)).toMatchObject({
      insertText: 'kv_heads',
    });
    expect(await item('i.gqa', 'gqac 1\nname x\nattention { q_heads 8 kv| }\n')).toMatchObject({
      insertText: 'kv_heads',
    });
  });
});

test('goes to the files that are included, to blocks and to kinds of layers', async () => {
  const uri = uriOf('m.gqa.yaml');
  const text = `${head}include: [sub/part.part.gqa.yaml]\nuse: big\nblocks:\n  big: { attention: { q_heads: 8 } }\n`;
  expect(await editor.definition(uri, text.replace('sub', 's|ub'))).toMatchObject({
    uri: uriOf('sub/part.part.gqa.yaml'),
    range: { start: { line: 0, character: 0 } },
  });
  expect(await editor.definition(uri, text.replace('use: b', 'use: b|'))).toMatchObject({
    uri,
    range: { start: { line: 5, character: 2 } },
  });
  expect(await editor.definition(uri, text.replace('name: e', 'name: e|'))).toBeNull();
});

test('brings a text into canonical form, and leaves one that cannot be read', async () => {
  const uri = uriOf('n.gqa.yaml');
  await editor.open(uri, `${head}attention: {q_heads: 8,   head_dim: 64}\n`);
  const newText = `${head}attention:\n  q_heads: 8\n  head_dim: 64\n`;
  expect(await editor.format(uri)).toMatchObject([{ newText }]);
  const broken = uriOf('o.gqa.yaml');
  await editor.open(broken, 'a: [');
  expect(await editor.format(broken)).toBeNull();
});
