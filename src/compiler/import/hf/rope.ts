import { compact, type ImportLog, type SpecDraft, say } from '../draft.ts';
import { type ConfigObject, type FieldReader, isObject, readFields } from '../fields.ts';
import type { LayerType, ModelConfig, RopeFacts } from './architecture.ts';

/** `attention.rope` of the layers of a type: v5's `rope_parameters`, or v4's `rope_theta` beside `rope_scaling`. */
export function readRope(config: ModelConfig, facts: RopeFacts, type: LayerType, log: ImportLog): SpecDraft {
  const { fields, isLocal } = parametersOf(config, facts, type, log);
  const base = fields.number('rope_theta') ?? (isLocal ? undefined : baseOf(config, facts)) ?? defaultBase(facts, type);
  const draft = compact({
    dim: facts.dim === 'latent' ? undefined : (facts.dim ?? rotatedWidth(config, facts, fields, log)),
    base,
    pairing: facts.pairing,
    scaling: readScaling(fields, config, facts, log),
  });
  fields.finish({ unsupported: {}, noEffect: [], silent: knownParameters });
  return draft;
}

function baseOf(config: ModelConfig, { base, baseField = usualBase }: RopeFacts): number | undefined {
  const written = config.number(baseField);
  const other = baseField === usualBase ? undefined : config.number(usualBase);
  if (other !== undefined && other !== (written ?? base))
    config.refuse(usualBase, `is not what this model type reads: write ${baseField}`);
  return written;
}

const usualBase = 'rope_theta';

function defaultBase({ base, localBase }: RopeFacts, type: LayerType): number {
  return type === 'sliding_attention' && localBase !== undefined ? localBase.base : base;
}

interface RopeParameters {
  readonly fields: FieldReader;
  /** `rope_theta` of the config is not about these layers. */
  readonly isLocal: boolean;
}

function parametersOf(config: ModelConfig, facts: RopeFacts, type: LayerType, log: ImportLog): RopeParameters {
  const read = (values: ConfigObject, path: string): FieldReader => readFields(values, (key) => `${path}.${key}`, log);
  const parameters = config.object('rope_parameters');
  const scaling = config.object('rope_scaling');
  const own = parameters?.[type];
  if (isObject(own)) return { fields: read(own, config.path(`rope_parameters.${type}`)), isLocal: true };
  if (type === 'sliding_attention' && facts.localBase !== undefined) {
    const base = config.number(facts.localBase.field);
    return {
      fields: read(base === undefined ? {} : { rope_theta: base }, config.path('rope_parameters')),
      isLocal: true,
    };
  }
  const isKeyed = parameters !== undefined && Object.values(parameters).every(isObject);
  if (parameters !== undefined && !isKeyed)
    return { fields: read(parameters, config.path('rope_parameters')), isLocal: false };
  return { fields: read(scaling ?? {}, config.path('rope_scaling')), isLocal: false };
}

const partField = 'partial_rotary_factor';

/** Rounded down, as transformers does. */
function rotatedWidth(config: ModelConfig, { fraction }: RopeFacts, fields: FieldReader, log: ImportLog): number {
  const { headDim } = config.sizes;
  const names = fraction?.fields ?? [partField];
  const inConfig = names.map((name) => config.number(name)).find((value) => value !== undefined);
  const part = fields.number(partField) ?? inConfig ?? fraction?.fallback ?? 1;
  if (fraction === undefined && part !== 1) {
    const path = config.path(partField);
    say(log, 'IMP002', path, `${path}: ${part} cannot be expressed: heads of this model type are rotated whole`);
  }
  return Math.floor(headDim * part);
}

/** Those that the kind of scaling does not read have no effect. */
const knownParameters: readonly string[] = [
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'factor',
  'finetuned',
  'high_freq_factor',
  'long_factor',
  'low_freq_factor',
  'mscale',
  'mscale_all_dim',
  'original_max_position_embeddings',
  'partial_rotary_factor',
  'rope_theta',
  'rope_type',
  'short_factor',
  'truncate',
  'type',
];

const originalField = 'original_max_position_embeddings';

const yarnNumbers = ['beta_fast', 'beta_slow', 'attention_factor', 'mscale', 'mscale_all_dim'] as const;

function readScaling(
  fields: FieldReader,
  config: ModelConfig,
  { originalContext }: RopeFacts,
  log: ImportLog,
): SpecDraft | undefined {
  const older = fields.text('type');
  const kind = fields.text('rope_type') ?? older ?? 'default';
  const inScaling = fields.positiveInteger(originalField);
  const original = config.positiveInteger(originalField) ?? originalContext ?? inScaling ?? config.sizes.context;
  const factor = fields.number('factor');
  switch (kind) {
    case 'default':
      return undefined;
    case 'linear':
      return compact({ kind, factor: needed(fields, 'factor', factor, log) });
    case 'dynamic':
      return compact({ kind, factor: needed(fields, 'factor', factor, log), original_context: config.sizes.context });
    case 'llama3':
      return compact({
        kind,
        factor: needed(fields, 'factor', factor, log),
        low_freq_factor: needed(fields, 'low_freq_factor', fields.number('low_freq_factor'), log),
        high_freq_factor: needed(fields, 'high_freq_factor', fields.number('high_freq_factor'), log),
        original_context: original,
      });
    case 'yarn': {
      const numbers = Object.fromEntries(yarnNumbers.map((name) => [name, fields.number(name)]));
      const truncate = fields.boolean('truncate', true) ? undefined : false;
      return compact({
        kind,
        factor,
        original_context: original,
        ...numbers,
        truncate,
      });
    }
    case 'longrope':
    case 'su':
      return compact({
        kind: 'longrope',
        factor,
        short_factor: fields.numbers('short_factor'),
        long_factor: fields.numbers('long_factor'),
        original_context: original,
        attention_factor: fields.number('attention_factor'),
      });
    default:
      say(
        log,
        'IMP002',
        fields.path('rope_type'),
        `${fields.path('rope_type')}: ${kind} cannot be expressed in a spec yet`,
      );
      return undefined;
  }
}

function needed(fields: FieldReader, name: string, value: number | undefined, log: ImportLog): number | undefined {
  if (value === undefined)
    say(log, 'IMP005', fields.path(name), `${fields.path(name)} is missing: add it to the config`);
  return value;
}
