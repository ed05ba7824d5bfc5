import { readFileSync } from 'node:fs';
import { drawDiagram } from '../src/compiler/diagram/diagram.ts';
import { checkSpec } from '../src/compiler/pipeline.ts';

const folder = new URL('./', import.meta.url);

/** Pages of the documentation that are made of the examples, by path: `npm run generate` writes them. */
export function examplePages(): ReadonlyMap<string, string> {
  return new Map([['docs/images/memory-mqa.svg', drawDiagram(checked('shakespeare-xt-mem-mqa/spec.yaml'))]]);
}

function checked(path: string) {
  const { shaped, diagnostics } = checkSpec({ path, text: readFileSync(new URL(path, folder), 'utf8') });
  if (shaped === undefined)
    throw new Error(`examples/${path}: ${diagnostics.map(({ message }) => message).join('; ')}`);
  return shaped;
}
