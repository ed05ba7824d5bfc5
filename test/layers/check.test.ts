import { describe, expect, it } from 'vitest';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { compileModule } from '../../src/compiler/compile.ts';
import { collectDiagnostics } from '../../src/compiler/diagnostics/report.ts';
import { type CheckResult, checkSpec } from '../../src/compiler/pipeline.ts';
import { formatSpec } from '../../src/compiler/syntax/format.ts';
import { parserOf } from '../../src/compiler/syntax/syntaxes.ts';
import { applyFix, checkText, codesOf, only, sourceOf, type Tensors, textAt } from '../frontend/helpers.ts';
import { base, kindsOf, withLayers } from './helpers.ts';

function shapedOf(text: string): ShapedSpec {
  const result = checkText(text);
  if (result.shaped === undefined) throw new Error(JSON.stringify(result.diagnostics.map(({ message }) => message)));
  return result.shaped;
}

const attentions = (text: string) => shapedOf(text).layers.map(({ attention }) => attention);
const expectedOf = ({ diagnostics }: CheckResult) => diagnostics.map(({ label }) => label);

/** The checkpoint that fits a spec. */
function tensorsOf(text: string): Record<string, Tensors[string]> {
  return Object.fromEntries(shapedOf(text).weights.map(({ source, shape }) => [source.tensor, ['F32', ...shape]]));
}

describe('kinds of layers', () => {
  it('follow the pattern, whose last repeat is cut', () => {
    const text = kindsOf('{ mask: { window: 8, memory: always } }');
    expect(shapedOf(text).layerKinds).toEqual(['sliding', 'sliding', 'full', 'sliding']);
    expect(attentions(text).map(({ mask }) => mask.window)).toEqual([8, 8, undefined, 8]);
  });

  it('change what they name and keep the rest', () => {
    const text = kindsOf('{ kv_heads: 1, head_dim: 8, rope: { base: 1e4 }, memory_kv: { slots: 5 }, biases: [q] }');
    const [sliding, , full] = attentions(text);
    expect(sliding).toMatchObject({ heads: { qHeads: 4, kvHeads: 1 }, headDim: 8, valueDim: 8 });
    expect(sliding).toMatchObject({ rope: { dim: 8, base: 1e4, pairing: 'interleaved' }, columns: { memory: 5 } });
    expect(sliding?.mask.causal).toBe(true);
    expect(full).toEqual(attentions(base)[0]);
  });

  it('may change the MLP', () => {
    const text = withLayers('kinds: { wide: { mlp: { width: 64 } }, own: {} }', 'pattern: [wide, own]');
    expect(shapedOf(text).layers.map(({ mlp }) => mlp?.width)).toEqual([64, 50, 64, 50]);
  });

  it('take options away with `none`', () => {
    const [sliding, , full] = attentions(kindsOf('{ rope: none, memory_kv: none, kv_heads: none, group_size: 4 }'));
    expect(sliding?.rope).toBeUndefined();
    expect(sliding).toMatchObject({ columns: { memory: 0 }, heads: { kvHeads: 1, queriesPerKv: 4 } });
    expect(full?.rope?.base).toBe(1e6);
  });

  it('merge a short form with a map', () => {
    const spec = base.replace('memory_kv: 3', 'memory_kv: { slots: 3, heads: 2 }');
    const text = `${spec}layers: { kinds: { a: { attention: { memory_kv: 4 } }, b: {} }, pattern: [a, b] }\n`;
    expect(attentions(text).map(({ columns }) => columns.memory)).toEqual([4, 3, 4, 3]);
  });

  it('give each layer weights of its own shapes, in forward order', () => {
    const { weights } = shapedOf(kindsOf('{ kv_heads: 1, memory_kv: none }'));
    const shapes = new Map(weights.map(({ name, shape }) => [name, shape]));
    expect([0, 1, 2, 3].map((layer) => shapes.get(`layers.${layer}.attn.k.weight`)?.[0])).toEqual([12, 12, 24, 12]);
    expect(weights.filter(({ name }) => name.includes('memory_k')).map(({ name }) => name)).toEqual([
      'layers.2.attn.memory_k',
    ]);
    const layers = weights.flatMap(({ name }) => /^layers\.(\d)/.exec(name)?.[1] ?? []);
    expect(layers).toEqual([...layers].sort());
    expect(weights.at(0)?.name).toBe('embed.weight');
    expect(weights.at(-1)?.name).toBe('final_norm.weight');
  });

  it('are no difference when they change nothing', () => {
    const { layerKinds: _, spanOf: __, ...shaped } = shapedOf(kindsOf('{}'));
    const { spanOf: ___, ...plain } = shapedOf(base);
    expect(shaped).toEqual(plain);
  });

  it('are in the facts of the module', () => {
    const { facts } = compileModule(shapedOf(kindsOf('{ kv_heads: 1 }'))).definition;
    expect(facts.layerKinds).toEqual(['sliding', 'sliding', 'full', 'sliding']);
    expect(compileModule(shapedOf(base)).definition.facts).not.toHaveProperty('layerKinds');
  });

  it('mean the same in the other syntax', async () => {
    const text = kindsOf('{ kv_heads: 1, rope: none, mask: { window: 8, memory: always } }');
    const { report } = collectDiagnostics();
    const printed = await formatSpec(sourceOf(text), { from: 'yaml', to: 'dsl' }, report);
    if (printed.kind !== 'text') throw new Error('not formatted');
    const { shaped } = checkSpec({ path: 'spec.gqa', text: printed.text }, { parse: await parserOf('dsl') });
    expect(shaped?.layers).toEqual(shapedOf(text).layers);
  });
});

describe('the rules of layers', () => {
  it('refuse an unknown kind in the pattern', () => {
    const text = kindsOf('{}', '{}', '[sliding, ful]');
    const found = only(checkText(text));
    expect([found.code, textAt(found), found.label]).toEqual(['SCH002', 'ful', 'expected `sliding`, `full`']);
    expect(found.help).toBe('did you mean `full`?');
    expect(codesOf(checkText(applyFix(text, found)))).toEqual([]);
  });

  it('warn of a kind that no layer has', () => {
    const unnamed = only(checkText(kindsOf('{}', '{}', '[full]')));
    expect([unnamed.code, textAt(unnamed), unnamed.severity]).toEqual(['OPT002', 'sliding', 'warning']);
    const late = only(checkText(kindsOf('{}', '{}', '[full, full, full, full, sliding]')));
    expect(late.message).toContain('after the last of 4 layers');
  });

  it('refuse an empty pattern, a missing one, and no kinds', () => {
    expect(expectedOf(checkText(kindsOf('{}', '{}', '[]')))).toEqual(['expected a list of names of `layers.kinds`']);
    expect(codesOf(checkText(withLayers('kinds: { full: {} }')))).toEqual(['SCH003']);
    expect(codesOf(checkText(withLayers('kinds: {}', 'pattern: [full]')))).toEqual(['SCH002']);
  });

  it('refuse layers without a model', () => {
    const text =
      'gqac: 1\nname: a\nattention: { q_heads: 4, head_dim: 8 }\nlayers: { kinds: { a: {} }, pattern: [a] }\n';
    expect(only(checkText(text))).toMatchObject({ code: 'SCH004', help: 'add `model`, or delete `layers`' });
  });

  it('find what is wrong within a kind, once, in its place', () => {
    const misspelt = only(checkText(kindsOf('{ kv_head: 1 }')));
    expect([misspelt.code, textAt(misspelt), misspelt.help]).toEqual(['SCH001', 'kv_head', 'did you mean `kv_heads`?']);
    const value = only(checkText(kindsOf('{ head_dim: -1 }')));
    expect([value.code, textAt(value)]).toEqual(['SCH002', '-1']);
    expect(codesOf(checkText(kindsOf('{ q_heads: none }')))).toEqual(['SCH002']);
    expect(codesOf(checkText(withLayers('kinds: { a: 1 }', 'pattern: [a]')))).toEqual(['SCH002']);
    const part = only(checkText(withLayers('kinds: { a: { atention: {} } }', 'pattern: [a]')));
    expect([part.code, part.help]).toEqual(['SCH001', 'did you mean `attention`?']);
  });

  it('say in which layers a rule is broken, when not in all', () => {
    const some = only(checkText(kindsOf('{ kv_heads: 3 }')));
    expect([some.code, textAt(some)]).toEqual(['GQA001', '3']);
    expect(some.notes.map(({ text }) => text)).toContain('in layers of kind `sliding`');
    const all = only(checkText(kindsOf('{}').replace('kv_heads: 2', 'kv_heads: 3')));
    expect(all.notes.map(({ text }) => text).join()).not.toContain('kind');
  });

  it('do not call an option idle that has an effect in some layers', () => {
    const windowed = base.replace('mask: { causal: true }', 'mask: { causal: true, memory: windowed }');
    const layers = 'layers: { kinds: { a: { attention: { mask: { window: 4 } } }, b: {} }, pattern: [a, b] }\n';
    expect(codesOf(checkText(windowed + layers))).toEqual([]);
    expect(codesOf(checkText(windowed))).toEqual(['OPT002']);
    expect(codesOf(checkText(kindsOf('{ mask: { memory: windowed } }')))).toEqual(['OPT002']);
  });

  it('hold a value residual to the shape of the first values', () => {
    const residual = '{ value_residual: { mix: 0.5 }, kv_heads: 1 }';
    const found = only(checkText(kindsOf('{}', residual)));
    expect(found).toMatchObject({ code: 'SCH004' });
    expect(found.message).toContain("the first layer's values are 2 × 12, those of these layers 1 × 12");
    expect(codesOf(checkText(kindsOf('{ kv_heads: 1 }', residual)))).toEqual([]);
  });
});

describe('a checkpoint', () => {
  const text = kindsOf('{ kv_heads: 1, head_dim: 8, memory_kv: none }');

  it('is compared with each layer by its kind', () => {
    expect(codesOf(checkText(text, tensorsOf(text)))).toEqual([]);
  });

  it('is refused where a layer has the shape of another kind', () => {
    const tensors = { ...tensorsOf(text), 'layers.3.attn.k.weight': ['F32', 24, 36] } as const;
    const found = only(checkText(text, tensors));
    expect(found).toMatchObject({ code: 'WGT002' });
    expect(found.message).toContain('layers.3.attn.k.weight');
    expect(found.notes.map(({ text: words }) => words)).toContain('in layers of kind `sliding`');
  });

  it('is refused where only one kind misses a tensor', () => {
    const { 'layers.2.attn.memory_k': _, ...tensors } = tensorsOf(text);
    expect(codesOf(checkText(text, tensors))).toEqual(['WGT001']);
  });

  it('has the names that the map gives it, for all kinds', () => {
    const named = `${text}weights: { names: { "layers.{i}.attn.memory_k": "mem.{i}", "layers.{i}.attn.k.weight": "k.{i}" } }\n`;
    const sources = new Map(shapedOf(named).weights.map(({ name, source }) => [name, source.tensor]));
    expect(sources.get('layers.2.attn.memory_k')).toBe('mem.2');
    expect(sources.get('layers.3.attn.k.weight')).toBe('k.3');
    expect(codesOf(checkText(named, tensorsOf(named)))).toEqual([]);
    const range = `${text}weights: { names: { "layers.{i}.attn.k.weight": "qkv.{i}[0:8]" } }\n`;
    expect(only(checkText(range))).toMatchObject({ code: 'WGT007' });
  });
});
