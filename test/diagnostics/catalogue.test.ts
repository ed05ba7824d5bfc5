import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generatedFiles } from '../../grammar/generate.ts';
import { callErrorCodes, callErrorRules, explainCallError } from '../../src/compiler/diagnostics/call-errors.ts';
import { catalogue, codes, isCode } from '../../src/compiler/diagnostics/catalogue.ts';
import type { Entry } from '../../src/compiler/diagnostics/entry.ts';
import { renderAll } from '../../src/compiler/diagnostics/render-text.ts';
import { checkExample, codesOf, root } from '../frontend/helpers.ts';

describe.each(codes)('%s', (code) => {
  const { failing, mended, slug }: Entry<never> = catalogue[code];

  test('its failing example raises it and nothing else', () => {
    const found = checkExample(failing);
    expect(codesOf(found)).toEqual([code]);
    expect(found.diagnostics[0]?.slug).toBe(slug);
  });

  test('its mended example is clean', () => {
    const found = checkExample(mended);
    expect(codesOf(found)).toEqual([]);
    expect(found.shaped).toBeDefined();
  });

  test('it is rendered as in its fixture', async () => {
    const { diagnostics } = checkExample(failing);
    await expect(renderAll(diagnostics)).toMatchFileSnapshot(`rendered/${code}.txt`);
  });

  test('its words follow the house style', () => {
    for (const { message, label, help, notes } of checkExample(failing).diagnostics) {
      for (const text of [message, label, help, ...notes.map((one) => one.text)]) {
        if (text !== undefined) expect(text).not.toMatch(/[.!]$|^$/);
      }
      expect(message).not.toMatch(/^[A-Z][a-z]/);
    }
  });

  test('it has a page', () => {
    expect(existsSync(`${root}docs/diagnostics/${code}.md`)).toBe(true);
  });
});

test('no rendered fixture is orphaned', () => {
  const expected = codes.map((code) => `${code}.txt`).sort();
  expect(readdirSync(new URL('rendered', import.meta.url)).sort()).toEqual(expected);
});

test('slugs are unique', () => {
  const slugs = codes.map((code) => catalogue[code].slug);
  expect(new Set(slugs).size).toBe(slugs.length);
});

test('generated files are up to date and deterministic', () => {
  const files = generatedFiles();
  expect(generatedFiles()).toEqual(files);
  for (const [path, text] of files) expect(readFileSync(root + path, 'utf8'), path).toBe(text);
});

describe.each(callErrorCodes)('%s, of a call', (code) => {
  test('it has a page, with both examples', () => {
    expect(existsSync(`${root}docs/diagnostics/${code}.md`)).toBe(true);
    expect(explainCallError(code).match(/^```ts$/gm)).toHaveLength(2);
  });

  test('it is no code of the catalogue, whose tables it shares', () => {
    expect(isCode(code)).toBe(false);
    expect(codes.map((one) => catalogue[one].slug)).not.toContain(
      callErrorRules.find((one) => one.code === code)?.slug,
    );
  });
});
