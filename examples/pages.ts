import { readdirSync, readFileSync } from 'node:fs';
import type { ShapedSpec } from '../src/compiler/check/shaped-spec.ts';
import { drawDiagram } from '../src/compiler/diagram/diagram.ts';
import { modelFacts } from '../src/compiler/facts/model-facts.ts';
import { renderTable } from '../src/compiler/facts/table.ts';
import { checkSpec } from '../src/compiler/pipeline.ts';

const folder = new URL('./', import.meta.url);

/** Pages of the documentation that are made of the examples, by path: `npm run generate` writes them. */
export function examplePages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/images/memory-mqa.svg', drawDiagram(checked('shakespeare-xt-mem-mqa/spec.yaml'))],
    ['docs/models.md', modelsPage()],
  ]);
}

/** The checked specs of `examples/models`, in the order of their names. */
function publishedModels(): readonly ShapedSpec[] {
  const names = readdirSync(new URL('models/', folder)).filter((name) => name.endsWith('.gqa.yaml'));
  return names.sort().map((name) => checked(`models/${name}`));
}

function checked(path: string): ShapedSpec {
  const { shaped, diagnostics } = checkSpec({ path, text: readFileSync(new URL(path, folder), 'utf8') });
  if (shaped === undefined)
    throw new Error(`examples/${path}: ${diagnostics.map(({ message }) => message).join('; ')}`);
  return shaped;
}

function modelsPage(): string {
  return `# Models

What \`gqac table examples/models\` prints: public models, of which [examples/models](../examples/models) has the specs, imported from their
published configurations. \`npm run generate\` writes this page.

- *Parameters* are counted from the spec: every weight that the module loads, a tied head once. *Active* are those that one token is
  multiplied with or looked up in, where a layer has experts.
- *KV bytes* are K · (key width + value width) numbers for each layer; int8 without its scales. Of latent attention it is the latent row,
  though gqac's cache holds the heads that are made of it. At *full context* a layer with a window
  keeps the tokens of its window. *Smaller than with K = H* compares with a KV head for every query head.
- *Attention FLOPs* are those of the token at the end of the context, a multiplication and an addition counted as two.

${renderTable(publishedModels().map(modelFacts), 'markdown')}`;
}
