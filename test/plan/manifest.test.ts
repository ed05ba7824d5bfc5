import { describe, expect, it } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import { emitFiles } from '../../src/compiler/emit-ts/files.ts';
import { exampleSpec } from '../ir/specs.ts';

interface Manifest {
  readonly variants: readonly {
    readonly kernels: readonly { readonly file: string; readonly bindings: Readonly<Record<string, string>> }[];
  }[];
}

describe('the manifest', () => {
  it('names the bindings of each kernel, in their order, as its file does', async () => {
    const compiled = compileModule(await exampleSpec('shakespeare-minimind-gqa'));
    const origin = { gqacVersion: '0.0.0', specPath: 'spec.yaml', specSha256: '', doc: '' };
    const files = new Map(emitFiles(compiled, origin, 'ts').map(({ path, text }) => [path, text]));
    const { variants }: Manifest = JSON.parse(files.get('shakespeare_minimind_gqa.manifest.json') ?? '');
    for (const { kernels } of variants) {
      for (const { file, bindings } of kernels) {
        const declared = [...(files.get(file) ?? '').matchAll(/@binding\((\d+)\) var<(?:storage, )?(\w+)> (\w+):/g)];
        expect(declared.map(([, place]) => Number(place))).toEqual([...declared.keys()]);
        expect(Object.entries(bindings), file).toEqual(declared.map(([, , access, name]) => [name, access]));
      }
    }
  });
});
