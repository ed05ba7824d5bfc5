import { describe, expect, it } from 'vitest';
import { optionAt } from '../../grammar/options.ts';
import { namedPlaces } from '../../src/compiler/check/other-names.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';

const findings = (...lines: readonly string[]) =>
  checkSpec({ path: 'spec.yaml', text: ['gqac: 1', 'name: other', ...lines, ''].join('\n') }).diagnostics.map(
    ({ code, help, fixes }) => ({ code, help, fix: fixes[0]?.edits[0]?.text }),
  );

describe('names of other systems', () => {
  it.each(namedPlaces)('stand for an option that there is: %s', (place) => {
    expect(optionAt(place.split('.'))).toBeDefined();
  });

  it('are renamed where they stand for an option of the same map', () => {
    expect(findings('attention: { num_attention_heads: 8, n_kv_heads: 2, dim_head: 16 }')).toEqual([
      { code: 'SCH001', help: 'did you mean `q_heads`?', fix: 'q_heads' },
      { code: 'SCH001', help: 'did you mean `kv_heads`?', fix: 'kv_heads' },
      { code: 'SCH001', help: 'did you mean `head_dim`?', fix: 'head_dim' },
    ]);
  });

  it('are not also missing', () => {
    const model = 'model: { vocab: 9, hidden: 8, layers: 1, context: 8 }';
    const found = findings(model, 'attention: { q_heads: 2 }', 'mlp: { hidden_act: silu, width: 8 }');
    expect(found).toEqual([{ code: 'SCH001', help: 'write `mlp: { activation: … }`', fix: undefined }]);
  });

  it('are renamed for slips only, where nobody knows them', () => {
    const [shift, far] = findings('attention: { q_heads: 8, head_dim: 16, softacp: 5, softcapping: 3 }');
    expect(shift).toMatchObject({ help: 'did you mean `softcap`?', fix: 'softcap' });
    expect(far).toMatchObject({ help: 'did you mean `softcap`?', fix: undefined });
  });

  it('of expressions are renamed too', () => {
    const found = findings('attention: { q_heads: 8, head_dim: 16, score: "logit - 0.1 * (q_idx - kv_idx) * head" }');
    expect(found.map(({ code, fix }) => [code, fix])).toEqual(['s', 'q', 'k', 'h'].map((name) => ['EXP002', name]));
  });

  it('are shown in their place elsewhere, or where values differ', () => {
    const [theta, talking] = findings('attention: { q_heads: 8, head_dim: 16, rope_theta: 1e4, talking_heads: true }');
    expect(theta).toMatchObject({ help: 'write `attention: { rope: { base: … } }`', fix: undefined });
    expect(talking).toMatchObject({ help: 'write `attention: { head_mixing: … }`', fix: undefined });
  });
});

describe('values of another kind', () => {
  it('are told what a map has in it', () => {
    const [rope] = findings('attention: { q_heads: 8, head_dim: 16, hidden: 64, rope: true }');
    expect(rope).toMatchObject({ code: 'SCH002', help: expect.stringMatching(/^options in it: dim, .*pairing/) });
  });

  it('in a list are told what an item is', () => {
    const text =
      'attention: { q_heads: 8, head_dim: 16, parameters: { slope: { axes: [heads] } }, score: "s + slope[h]" }';
    const [found] = checkSpec({ path: 'spec.yaml', text: `gqac: 1\nname: other\n${text}\n` }).diagnostics;
    expect(found?.label).toBe('expected `h` or `kv` or a size up to 65536');
  });

  it.each([
    ['yes', 'true'],
    ['Off', 'false'],
  ])('%s is %s in YAML 1.2', (written, meant) => {
    expect(findings(`attention: { q_heads: 8, head_dim: 16, sinks: ${written} }`)).toEqual([
      { code: 'SCH002', help: `did you mean \`${meant}\`?`, fix: meant },
    ]);
  });
});
