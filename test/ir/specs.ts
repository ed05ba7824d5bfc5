import { readFile } from 'node:fs/promises';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { caseId, findCases } from '../golden/cases.ts';
import { prepareCase } from '../golden/prepare.ts';

export const exampleNames = ['shakespeare-minimind-gqa', 'shakespeare-xt-mem-mqa'] as const;

export function shapedFrom(path: string, text: string): ShapedSpec {
  const { shaped, diagnostics } = checkSpec({ path, text });
  if (shaped !== undefined) return shaped;
  throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('; '));
}

export async function exampleSpec(name: (typeof exampleNames)[number], edit = (text: string) => text) {
  const path = `examples/${name}/spec.yaml`;
  return shapedFrom(path, edit(await readFile(path, 'utf8')));
}

/** The examples and every reference case of the repository, in both storages. */
export async function allSpecs(): Promise<ReadonlyMap<string, ShapedSpec>> {
  const specs = new Map<string, ShapedSpec>();
  for (const name of exampleNames) specs.set(name, await exampleSpec(name));
  for (const found of await findCases('test/golden/cases')) {
    for (const storage of ['f32', 'f16'] as const) {
      specs.set(`${caseId(found)} ${storage}`, (await prepareCase(found, storage)).shaped);
    }
  }
  return specs;
}
