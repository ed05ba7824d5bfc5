import type { ImportOptions, ImportResult } from './draft.ts';
import { isObject } from './fields.ts';
import { importHf } from './hf/import-hf.ts';
import { importLlmsFromScratch } from './llms-from-scratch/llms-from-scratch.ts';
import { importLlmsFromScratchModel } from './llms-from-scratch/model.ts';
import { importMiniMind } from './minimind.ts';
import { importSdpa } from './sdpa.ts';
import { importTransformerLens } from './transformer-lens.ts';
import { importXTransformers } from './x-transformers/x-transformers.ts';

export const sourceSystems = [
  'hf',
  'x-transformers',
  'minimind',
  'llms-from-scratch',
  'transformer-lens',
  'sdpa',
] as const;
export type SourceSystem = (typeof sourceSystems)[number];

/** The system that a config comes from, by the fields that only it has. */
export function detectSource(config: unknown): SourceSystem | undefined {
  if (!isObject(config)) return undefined;
  if (config.model_type === 'minimind') return 'minimind';
  if (typeof config.model_type === 'string' || isObject(config.text_config)) return 'hf';
  if (Object.hasOwn(config, 'd_model') && Object.hasOwn(config, 'd_head')) return 'transformer-lens';
  if (isObject(config.wrapper) && isObject(config.decoder)) return 'x-transformers';
  if (isObject(config.kwargs) && Object.hasOwn(config.kwargs, 'dim')) return 'x-transformers';
  if (isObject(config.kwargs) && Object.hasOwn(config.kwargs, 'd_in')) return 'llms-from-scratch';
  if (Object.hasOwn(config, 'emb_dim') && Object.hasOwn(config, 'n_layers')) return 'llms-from-scratch';
  if (Object.hasOwn(config, 'q_heads') && Object.hasOwn(config, 'head_dim')) return 'sdpa';
  return undefined;
}

/** In: a parsed config. Out: a spec as a plain value, to be printed and then checked like any other spec. */
export function importConfig(
  config: unknown,
  from: SourceSystem | undefined,
  options: ImportOptions = {},
): ImportResult {
  const source = from ?? detectSource(config);
  if (source === undefined || !isObject(config)) return unknownSource();
  switch (source) {
    case 'hf':
      return importHf(config, options);
    case 'x-transformers':
      return importXTransformers(config, options);
    case 'minimind':
      return importMiniMind(config, options);
    case 'transformer-lens':
      return importTransformerLens(config, options);
    case 'llms-from-scratch':
      return Object.hasOwn(config, 'emb_dim')
        ? importLlmsFromScratchModel(config, options)
        : importLlmsFromScratch(config, options);
    case 'sdpa':
      return importSdpa(config, options);
  }
}

function unknownSource(): ImportResult {
  const message = `not a config of a known system: say which with --from (${sourceSystems.join(', ')})`;
  return { spec: undefined, comments: new Map(), notes: [{ code: 'IMP006', severity: 'error', message, path: '' }] };
}
