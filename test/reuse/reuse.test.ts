import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSpec } from '../../src/cli/files/spec-files.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { attention } from '../../src/compiler/diagnostics/entry.ts';
import { collectDiagnostics } from '../../src/compiler/diagnostics/report.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { formatSpec } from '../../src/compiler/syntax/format.ts';
import { checkText, codesOf, only, readerOf, sourceOf, textAt } from '../frontend/helpers.ts';
import { gqac } from '../lint/helpers.ts';

const heads = 'gqac: 1\nattention:\n  q_heads: 8\n  kv_heads: 2\n  head_dim: 64\n  softcap: 30\n';
const top = 'gqac: 1\nname: example\n';

function checkWith(text: string, files: Readonly<Record<string, string>>) {
  return checkSpec(sourceOf(text), { readInclude: readerOf(files) });
}

describe('include', () => {
  it('lies beneath what is written: maps merge, values replace, `none` takes away', () => {
    const text = `${top}include: heads.yaml\nattention: { kv_heads: 4, softcap: none, mask: { causal: true } }\n`;
    const { shaped } = checkWith(text, { 'heads.yaml': heads });
    const found = shaped?.layers[0]?.attention;
    expect(found).toMatchObject({ heads: { qHeads: 8, kvHeads: 4 }, headDim: 64, mask: { causal: true } });
    expect(found?.softcap).toBeUndefined();
  });

  it('takes several files, later ones over earlier ones, and what they include', () => {
    const files = {
      'a.yaml': `${heads}blocks: { wide: { attention: { head_dim: 128 } } }\n`,
      'b.yaml': 'include: c.yaml\nattention: { q_heads: 16 }\n',
      'c.yaml': 'attention: { q_heads: 12, scale: 0.5 }\n',
    };
    const { shaped } = checkWith(`${top}include: [a.yaml, b.yaml]\nuse: wide\n`, files);
    expect(shaped?.layers[0]?.attention).toMatchObject({ heads: { qHeads: 16, kvHeads: 2 }, headDim: 128, scale: 0.5 });
  });

  it('points into the file that is wrong', () => {
    const result = checkWith(`${top}include: heads.yaml\n`, {
      'heads.yaml': heads.replace('kv_heads: 2', 'kv_heads: 3'),
    });
    const found = only(result);
    expect([found.code, found.span.file.path, textAt(found)]).toEqual(['GQA001', 'heads.yaml', '3']);
    const malformed = only(checkWith(`${top}include: heads.yaml\n`, { 'heads.yaml': 'attention: {' }));
    expect([malformed.code, malformed.span.file.path]).toEqual(['SYN001', 'heads.yaml']);
    const unknown = only(checkWith(`${top}include: heads.yaml\n`, { 'heads.yaml': `${heads}  hed_dim: 3\n` }));
    expect([unknown.code, unknown.span.file.path, textAt(unknown)]).toEqual(['SCH001', 'heads.yaml', 'hed_dim']);
    const missing = only(checkWith(`gqac: 1\ninclude: heads.yaml\n`, { 'heads.yaml': heads }));
    expect([missing.code, missing.span.file.path]).toEqual(['SCH003', 'spec.yaml']);
  });

  it('may be ignored in the file that is wrong', () => {
    const idle = heads.replace('softcap: 30', 'normalizer: sigmoid\n  sinks: true # gqac-ignore OPT002: a test');
    expect(codesOf(checkWith(`${top}include: heads.yaml\n`, { 'heads.yaml': idle }))).toEqual([]);
  });

  it('ends circles of several files, and reports each once', () => {
    const files = { 'a.yaml': `${heads}include: b.yaml\n`, 'b.yaml': 'include: a.yaml\n' };
    const found = only(checkWith(`${top}include: a.yaml\n`, files));
    expect([found.code, found.span.file.path, found.notes.map(({ span }) => span?.file.path)]).toEqual([
      'INC003',
      'b.yaml',
      ['a.yaml'],
    ]);
  });

  it.each(['../a.yaml', '/etc/a.yaml', 'x/../../a.yaml', 'C:/a.yaml', '\\\\server\\a.yaml'])(
    'does not read %s',
    (path) => {
      const read = () => expect.fail('was read');
      const result = checkSpec(
        sourceOf(`${attention('q_heads: 8', 'head_dim: 8')}include: ${JSON.stringify(path)}\n`),
        {
          readInclude: read,
        },
      );
      expect(codesOf(result)).toEqual(['INC002']);
    },
  );

  it('of something else than paths is a matter of the schema', () => {
    for (const value of ['3', '{ a: 1 }', '[]', '[3]']) {
      expect(codesOf(checkText(`${attention('q_heads: 8', 'head_dim: 8')}include: ${value}\n`)), value).toEqual([
        'SCH002',
      ]);
    }
  });

  it('needs files', () => {
    expect(only(checkText(`${top}include: heads.yaml\n`)).message).toContain('only this text');
  });

  it('stops at 64 files, whatever they include', () => {
    const files = Object.fromEntries(
      Array.from({ length: 90 }, (_, i) => [`${i}.yaml`, i < 89 ? `include: ${i + 1}.yaml\n` : heads]),
    );
    expect(codesOf(checkWith(`${top}include: 0.yaml\n`, files))).toEqual(['INC001']);
    const bomb = {
      'a.yaml': `include: [${'b.yaml, '.repeat(40)}]\n`,
      'b.yaml': `include: [${'c.yaml, '.repeat(40)}]\n`,
      'c.yaml': heads,
    };
    expect(new Set(codesOf(checkWith(`${top}include: a.yaml\n`, bomb)))).toEqual(new Set(['INC001']));
  });
});

describe('blocks', () => {
  const blocks = `blocks:
  base: { attention: { hidden: 64, q_heads: 8, head_dim: 64, rope: { pairing: half } } }
  small: { attention: { head_dim: 32, mask: { causal: true } } }
`;

  it('lie beneath what uses them, in their order', () => {
    const { shaped, diagnostics } = checkText(`${top}use: [base, small]\n${blocks}attention: { q_heads: 4 }\n`);
    expect(diagnostics).toEqual([]);
    expect(shaped?.layers[0]?.attention).toMatchObject({ heads: { qHeads: 4 }, headDim: 32, mask: { causal: true } });
  });

  it('serve kinds of layers', () => {
    const text = `${top}model: { vocab: 8, hidden: 64, layers: 2, context: 16 }
mlp: { activation: silu, width: 32 }
use: base
${blocks}layers:
  kinds: { a: { use: small }, b: { attention: { rope: none } } }
  pattern: [a, b]
`;
    const { shaped, diagnostics } = checkText(text);
    expect(diagnostics).toEqual([]);
    expect(shaped?.layers.map(({ attention: one }) => [one.headDim, one.rope?.dim])).toEqual([
      [32, 32],
      [64, undefined],
    ]);
  });

  it('are reported when nothing uses them, and when they are wrong where they are used', () => {
    expect(codesOf(checkText(`${top}use: base\n${blocks}`))).toEqual(['OPT002']);
    const wrong = checkText(`${top}use: a\nblocks: { a: { attention: { q_heads: 8, head_dim: x } } }\n`);
    expect([codesOf(wrong), textAt(only(wrong))]).toEqual([['SCH002'], 'x']);
  });

  it('suggest the name that was meant', () => {
    const { diagnostics } = checkText(`${attention('q_heads: 8', 'head_dim: 8')}use: bass\n${blocks}`);
    const found = diagnostics.find(({ code }) => code === 'INC004');
    expect([found?.help, found?.fixes.map(({ title }) => title)]).toEqual(['did you mean `base`?', ['use `base`']]);
  });
});

describe('several attentions', () => {
  const text = `${top}attention: { hidden: 64, q_heads: 8, head_dim: 8 }
attentions:
  self: { kv_heads: 2, mask: { causal: true }, rope: { dim: 8, pairing: half } }
  cross: { cross: 40, kv_heads: 4 }
`;

  it('are modules of their own, with weights by their names', () => {
    const { modules, shaped, diagnostics } = checkText(text);
    expect([diagnostics, shaped]).toEqual([[], undefined]);
    expect(modules.map(({ name, part }) => [name, part])).toEqual([
      ['example_self', 'self'],
      ['example_cross', 'cross'],
    ]);
    expect(modules.map(({ layers }) => layers[0]?.attention.heads.kvHeads)).toEqual([2, 4]);
    const [self, cross] = modules.map(({ weights }) => weights.map(({ name, source }) => [name, source.tensor]));
    expect(self?.[0]).toEqual(['attn.q.weight', 'self.attn.q.weight']);
    expect(cross?.[1]).toEqual(['attn.k.weight', 'cross.attn.k.weight']);
    for (const module of modules) expect(compileModule(module).definition.name).toBe(module.name);
  });

  it('are compared with one checkpoint', () => {
    const { modules } = checkText(text);
    const tensors = Object.fromEntries(
      modules.flatMap(({ weights }) => weights.map(({ source, shape }) => [source.tensor, ['F32', ...shape] as const])),
    );
    expect(codesOf(checkText(text, tensors))).toEqual([]);
    const { 'cross.attn.k.weight': _, ...less } = tensors;
    expect(codesOf(checkText(text, less))).toEqual(['WGT001']);
    const named = `${text}weights: { names: { self.attn.q.weight: q } }\n`;
    expect(codesOf(checkText(named, { ...tensors, q: ['F32', 64, 64] }))).toEqual(['WGT004']);
  });

  it('need nothing in common, and say which one is wrong', () => {
    const alone = `${top}attentions:\n  a: { q_heads: 8, head_dim: 8 }\n  b: { q_heads: 8, head_dim: 8, kv_heads: 3 }\n`;
    const found = only(checkText(alone));
    expect([found.code, textAt(found), found.notes.map(({ text: one }) => one)]).toEqual([
      'GQA001',
      '3',
      expect.arrayContaining(['in attention `b`']),
    ]);
  });

  it.each([
    [
      `${text}model: { vocab: 8, hidden: 64, layers: 1, context: 8 }\nmlp: { activation: silu, width: 8 }\n`,
      ['SCH004'],
    ],
    [`${top}attentions: {}\n`, ['SCH002']],
    [`${top}attentions: { a: 3 }\n`, ['SCH002']],
    [`${top}attentions: { 8a: { q_heads: 1, head_dim: 2 } }\n`, ['SCH002']],
    [`${top}attentions: { ${'x'.repeat(60)}: { q_heads: 1, head_dim: 2 } }\n`, ['SCH002']],
    [`${top}attentions: { a: { q_heads: 1, head_dim: 2 }, A: { q_heads: 1, head_dim: 2 } }\n`, ['SCH002']],
    [`${top}attentions: { a: { q_heds: 1, head_dim: 2 } }\n`, ['SCH001']],
    [top, ['SCH003']],
  ])('%s', (spec, codes) => {
    expect(codesOf(checkText(spec))).toEqual(codes);
  });
});

describe.each(['yaml', 'dsl'] as const)('in %s', (syntax) => {
  it('all of it is formatted and converted as it is', async () => {
    const spec = `${top}include: [a.part.gqa, b.part.gqa.yaml] # both
use: base
blocks:
  # heads
  base: { attention: { q_heads: 8, head_dim: 64, mask: { causal: true } } }
attentions:
  self: { mask: { causal: true, window: 8 } }
`;
    const { report } = collectDiagnostics();
    const there = await formatSpec(sourceOf(spec), { from: 'yaml', to: syntax }, report);
    if (there.kind !== 'text') throw new Error(there.kind);
    const again = await formatSpec({ path: 'spec', text: there.text }, { from: syntax }, report);
    expect(again).toEqual(there);
    const back = await formatSpec({ path: 'spec', text: there.text }, { from: syntax, to: 'yaml' }, report);
    const canonical = await formatSpec(sourceOf(spec), { from: 'yaml' }, report);
    expect(back).toEqual(canonical);
  });
});

describe('the commands', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gqac-reuse-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };

  it('read files beside the spec, in either syntax, relative to the file that names them', async () => {
    const spec = write('one/spec.yaml', `${top}include: parts/a.part.gqa\n`);
    write('one/parts/a.part.gqa', 'gqac 1 include b.part.gqa.yaml attention { q_heads 8 mask { causal } }\n');
    write('one/parts/b.part.gqa.yaml', 'attention: { head_dim: 64 }\n');
    const { shaped, included } = await loadSpec(spec);
    expect(shaped?.layers[0]?.attention).toMatchObject({ headDim: 64, mask: { causal: true } });
    expect(included.map(({ path }) => path)).toEqual([
      join(folder, 'one/parts/a.part.gqa'),
      join(folder, 'one/parts/b.part.gqa.yaml'),
    ]);
    expect(gqac(['check', join(folder, 'one')])).toMatchObject({ status: 0, stderr: '1 spec checked, no findings\n' });
    const formatted = gqac(['fmt', '--check', join(folder, 'one')]);
    expect(formatted.stdout).toContain('a.part.gqa');
  });

  it('follow no link out of the folder, and say what cannot be read', async () => {
    write('outside.yaml', heads);
    const spec = write('two/spec.yaml', `${top}include: [link.yaml, none.yaml]\n`);
    symlinkSync(join(folder, 'outside.yaml'), join(folder, 'two/link.yaml'));
    const { diagnostics } = await loadSpec(spec);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'the included file "link.yaml" is a link out of the folder of the spec',
      'the included file "none.yaml" cannot be read: no such file',
    ]);
  });

  it('build one module for each attention, stale after a change of what is included', () => {
    const spec = write(
      'three/spec.yaml',
      `${top}include: a.yaml\nattentions: { self: { mask: { causal: true } }, cross: { cross: 40 } }\n`,
    );
    write('three/a.yaml', 'attention: { hidden: 64, q_heads: 8, head_dim: 8 }\n');
    expect(gqac(['build', spec])).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(folder, 'three/generated/cross/example_cross.manifest.json'), 'utf8')).toContain(
      'example_cross',
    );
    expect(gqac(['build', spec, '--check']).status).toBe(0);
    expect(gqac(['inspect', spec])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('has the attentions self, cross: choose one with --attention'),
    });
    expect(gqac(['inspect', spec, '--attention', 'cross']).stdout).toContain('example_cross');
    write('three/a.yaml', 'attention: { hidden: 64, q_heads: 8, head_dim: 16 }\n');
    expect(gqac(['build', spec, '--check']).status).toBe(1);
  });

  it('mend what is theirs to mend, and leave the included file as it is', () => {
    const spec = write('four/spec.yaml', `${top}include: a.yaml\natention: { kv_heads: 2 }\n`);
    const part = write('four/a.yaml', heads);
    expect(gqac(['check', '--fix', spec]).status).toBe(0);
    expect(readFileSync(spec, 'utf8')).toContain('\nattention: { kv_heads: 2 }');
    expect(readFileSync(part, 'utf8')).toBe(heads);
  });
});
