import type { ShapedSpec } from '../../../src/compiler/check/shaped-spec.ts';
import type { ImportOptions, ImportResult } from '../../../src/compiler/import/draft.ts';
import { importConfig } from '../../../src/compiler/import/import-config.ts';
import { checkSpec } from '../../../src/compiler/pipeline.ts';
import { printYaml } from '../../../src/compiler/syntax/print.ts';

export type Config = Readonly<Record<string, unknown>>;

export const tiny: Config = {
  model_type: 'llama',
  vocab_size: 97,
  hidden_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 112,
  max_position_embeddings: 64,
};

/** `CODE path` of what keeps the config from being imported. */
export const errorsOf = ({ notes }: ImportResult) =>
  notes.filter(({ severity }) => severity === 'error').map(({ code, path }) => `${code} ${path}`);

/** Through text and the front end, as a user would. @throws when anything refuses the config. */
export function shapedOf(config: Config, options: ImportOptions = {}): ShapedSpec {
  const result = importConfig(config, 'hf', options);
  const refused = result.notes.filter(({ severity }) => severity === 'error');
  if (result.spec === undefined || refused.length > 0)
    throw new Error(refused.map(({ message }) => message).join('; '));
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: printYaml(result.spec) });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return shaped;
}

export const specOf = (config: Config, options: ImportOptions = {}) => importConfig(config, 'hf', options).spec;

export function parameterCount({ weights }: ShapedSpec): number {
  return weights.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}
