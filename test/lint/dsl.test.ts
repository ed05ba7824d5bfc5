import { describe, expect, test } from 'vitest';
import { catalogue, codes } from '../../src/compiler/diagnostics/catalogue.ts';
import type { Entry, Example } from '../../src/compiler/diagnostics/entry.ts';
import { applyEdits } from '../../src/compiler/diagnostics/fixes.ts';
import { collectDiagnostics } from '../../src/compiler/diagnostics/report.ts';
import { type CheckResult, checkSpec } from '../../src/compiler/pipeline.ts';
import { formatSpec } from '../../src/compiler/syntax/format.ts';
import { parserOf } from '../../src/compiler/syntax/syntaxes.ts';
import { codesOf } from '../frontend/helpers.ts';
import { gqac } from './helpers.ts';

const parse = await parserOf('dsl');

function checkDsl(text: string, { tensors, shards }: Pick<Example, 'tensors' | 'shards'> = {}): CheckResult {
  const entries = Object.entries(tensors ?? {}).map(([name, [dtype, ...shape]]) => [name, { dtype, shape }] as const);
  const checkpoint = tensors === undefined ? {} : { checkpoint: { path: 'm', tensors: new Map(entries) } };
  return checkSpec({ path: 'spec.gqa', text }, { parse, ...checkpoint, ...(shards === undefined ? {} : { shards }) });
}

/** The failing example of a code in the DSL, when it can be said there. */
async function twinOf({ spec }: Example): Promise<string | undefined> {
  const formatted = await formatSpec(
    { path: 'spec.yaml', text: spec },
    { from: 'yaml', to: 'dsl' },
    collectDiagnostics().report,
  );
  return formatted.kind === 'text' ? formatted.text : undefined;
}

const withFixes: { code: string; example: Example; text: string; index: number }[] = [];
for (const code of codes) {
  const { failing }: Entry<never> = catalogue[code];
  const text = await twinOf(failing);
  const fixes = text === undefined ? [] : checkDsl(text, failing).diagnostics.flatMap((one) => one.fixes);
  for (const index of fixes.keys()) withFixes.push({ code, example: failing, text: text ?? '', index });
}

describe('each fix of the catalogue, in the DSL', () => {
  test('there are some', () => expect(withFixes.length).toBeGreaterThan(15));

  test.each(withFixes)('$code, fix $index', ({ code, example, text, index }) => {
    const before = checkDsl(text, example);
    expect(codesOf(before)).toEqual([code]);
    const fixed = applyEdits(text, before.diagnostics[0]?.fixes[index]?.edits ?? []);
    expect(codesOf(checkDsl(fixed, example)), fixed).toEqual([]);
  });
});

const idle = `gqac 1
name x
attention {
  q_heads 8
  head_dim 64
  normalizer sigmoid
  sinks true # gqac-ignore OPT002: shared
}
`;

test('ignores are comments there too, and not within strings', () => {
  const result = checkDsl(idle);
  expect([codesOf(result), [...result.ignored.values()]]).toEqual([[], ['shared']]);
  const quoted = `${idle.replace(/ #.*/, '')}weights { file "a # gqac-ignore OPT002: x" }\n`;
  expect(codesOf(checkDsl(quoted))).toEqual(['OPT002']);
});

test('gqac check reads it from standard input', () => {
  expect(gqac(['check', '-', '--syntax', 'dsl', '--strict'], idle)).toMatchObject({
    status: 0,
    stderr: '1 spec checked, no findings but 1 ignored\n',
  });
});
