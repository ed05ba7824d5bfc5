import type { ConfigObject } from '../../src/compiler/import/fields.ts';
import { importConfig } from '../../src/compiler/import/import-config.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { printYaml } from '../../src/compiler/syntax/print.ts';

/** A configuration through importer and checker; `codes` of the errors of both. */
export function checkConfig(config: ConfigObject) {
  const { spec, notes, comments } = importConfig(config, 'x-transformers', { name: 'pair' });
  const refused = notes.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  const result = checkSpec({ path: 'pair.gqa.yaml', text: printYaml(spec ?? {}, { comments }) });
  const errors = result.diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  return { shaped: result.shaped, codes: [...refused, ...errors] };
}
