import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { kernelTexts } from '../../src/compiler/emit-ts/kernel-texts.ts';
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
});
