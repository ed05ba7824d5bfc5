import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { kernelTexts, withoutComments } from '../../src/compiler/emit-ts/kernel-texts.ts';
import { exampleSpec } from '../ir/specs.ts';

describe('texts of kernels', () => {
  it('are there once, whatever variants have them, and each variant finds its own', async () => {
    const { definition } = compileModule(await exampleSpec('shakespeare-minimind-gqa'));
    const { texts, nameOf } = kernelTexts(definition);
    const codeOf = new Map(texts.map(({ name, code }) => [name, code]));
    expect(new Set(texts.map(({ code }) => code)).size).toBe(texts.length);
    expect(codeOf.size).toBe(texts.length);
    for (const { id, kernels } of definition.variants) {
      for (const [kernel, { code }] of Object.entries(kernels))
        expect(codeOf.get(nameOf(id, kernel)), `${id} ${kernel}`).toBe(code);
    }
  });

  it('lose their comments and blank lines in the module, and nothing else', () => {
    const commented = `// head
/** Of two
 * lines. */
fn half(x: f32) -> f32 {
  // note

  return x / 2.0; // why
}`;
    expect(withoutComments(commented)).toBe('fn half(x: f32) -> f32 {\n  return x / 2.0;\n}');
  });
});
