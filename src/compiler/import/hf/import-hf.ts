import { suggest } from '../../check/suggest.ts';
import {
  assume,
  compact,
  type ImportLog,
  type ImportOptions,
  type ImportResult,
  type SpecDraft,
  say,
  specName,
  startLog,
} from '../draft.ts';
import { type ConfigObject, isObject, readFields } from '../fields.ts';
import { activationOf } from './activations.ts';
import { type Architecture, type LayerFacts, type ModelConfig, resolve } from './architecture.ts';
import { architectures, modelTypes } from './architectures.ts';
import { bookkeeping, ofOtherModels, trainingOnly } from './bookkeeping.ts';
import { draftLayers, type LayerDraft } from './layer-kinds.ts';
import { readRope } from './rope.ts';
import { readSizes } from './sizes.ts';
import { draftWeights } from './weight-names.ts';

/** `config.json` of a transformers model. With `options.tensors`, names of weights are those of the checkpoint. */
export function importHf(config: ConfigObject, options: ImportOptions = {}): ImportResult {
  const log = startLog();
  const found = findModel(config, log);
  const spec = found === undefined ? undefined : importModel(found, options, log);
  return { spec, comments: log.comments, notes: log.notes };
}

interface FoundModel {
  readonly config: ConfigObject;
  readonly type: string;
  readonly architecture: Architecture;
  readonly path: (key: string) => string;
  /** What published names of tensors begin with when it is a part of a larger model. */
  readonly within: string;
}

/** Fields of a larger model that hold for the language model inside too. */
const aboutBoth: readonly string[] = ['tie_word_embeddings', ...Object.keys(ofOtherModels)];

/** The config itself, or the language model inside that of a larger model. */
function findModel(config: ConfigObject, log: ImportLog): FoundModel | undefined {
  const inner = config.text_config;
  const own = typeof config.model_type === 'string' ? config.model_type : undefined;
  const architecture = own === undefined ? undefined : architectures.get(own);
  if (own !== undefined && architecture !== undefined)
    return { config, type: own, architecture, path: (key) => key, within: '' };
  if (isObject(inner) && typeof inner.model_type === 'string') {
    const { model_type: type } = inner;
    const nested = architectures.get(type);
    if (nested !== undefined) {
      noteRest(config, log);
      const outer = Object.entries(config).filter(([key, value]) => aboutBoth.includes(key) && value !== undefined);
      return {
        config: { ...Object.fromEntries(outer), ...inner },
        type,
        architecture: nested,
        path: (key) => `text_config.${key}`,
        within: 'language_model.',
      };
    }
  }
  const type = isObject(inner) && typeof inner.model_type === 'string' ? inner.model_type : own;
  const nearest = type === undefined ? undefined : suggest(type, modelTypes);
  const hint = nearest === undefined ? '' : `, the nearest is ${nearest}`;
  const problem = type === undefined ? 'model_type is missing' : `model_type ${type} is not known${hint}`;
  say(log, 'IMP007', 'model_type', `${problem}; known are ${modelTypes.join(', ')}`);
  return undefined;
}

function noteRest(config: ConfigObject, log: ImportLog): void {
  const rest = Object.keys(config).filter(
    (key) => key !== 'text_config' && !aboutBoth.includes(key) && !bookkeeping.includes(key),
  );
  const list = rest.length === 0 ? '' : `: ${rest.join(', ')}`;
  say(log, 'IMP003', 'text_config', `only the language model is imported; the rest of the config is left out${list}`);
}

function importModel(
  { config: values, type, architecture, path, within }: FoundModel,
  options: ImportOptions,
  log: ImportLog,
): SpecDraft | undefined {
  const fields = readFields(values, path, log);
  const sizes = readSizes(fields, architecture, log);
  if (sizes === undefined) return undefined;
  const config: ModelConfig = {
    ...fields,
    sizes,
    tied: fields.boolean('tie_word_embeddings', architecture.tied),
    tensors: options.tensors,
    nested: (key) => readFields(fields.object(key) ?? {}, (inner) => `${path(key)}.${inner}`, log),
  };
  const norm = draftNorm(architecture, config);
  const facts = architecture.layers?.(config) ?? Array.from({ length: sizes.layers }, () => plainLayer);
  const layers = facts.map((layer) => draftLayer(architecture, config, layer, log));
  const { attention, mlp, layers: kinds } = draftLayers(layers, facts);
  const own = resolve(architecture.model ?? {}, config);
  const spec = compact({
    gqac: 1,
    name: specName(options.name, type),
    model: compact({
      vocab: sizes.vocab,
      hidden: sizes.hidden,
      layers: sizes.layers,
      context: sizes.context,
      tie_embeddings: config.tied || undefined,
      norm,
      ...own,
    }),
    attention,
    mlp,
    layers: kinds,
  });
  for (const [place, text] of Object.entries(architecture.conventions)) {
    if (isAt(spec, place.split('.'))) assume(log, place, 'model_type', `${type}: ${text}`);
  }
  const names = draftWeights(spec, { ...architecture.weights, within }, config, log);
  finishFields(config, architecture);
  return compact({ ...spec, weights: compact({ file: options.weightsFile, names }) });
}

const plainLayer: LayerFacts = { type: 'full_attention' };

function draftNorm({ norm }: Architecture, config: ModelConfig): SpecDraft {
  const { kind, eps, epsField, unitOffset, bias, weight } = norm;
  const hasWeight = weight === undefined || resolve(weight, config);
  return compact({
    kind,
    eps: (epsField === undefined ? undefined : config.number(epsField)) ?? eps,
    unit_offset: unitOffset,
    bias,
    weight: hasWeight ? undefined : false,
  });
}

function draftLayer(architecture: Architecture, config: ModelConfig, layer: LayerFacts, log: ImportLog): LayerDraft {
  const { heads, kvHeads, headDim } = config.sizes;
  const rope = architecture.rope === undefined || layer.ropeless ? undefined : resolve(architecture.rope, config);
  const attention = compact({
    q_heads: heads,
    kv_heads: kvHeads,
    head_dim: headDim,
    ...resolve(architecture.attention ?? {}, config),
    rope: rope && readRope(config, rope, layer.type, log),
    mask: compact({ causal: !architecture.bidirectional, window: layer.window }),
    ...layer.attention,
  });
  return { attention, mlp: draftMlp(architecture, config, layer, log) };
}

function draftMlp({ mlp }: Architecture, config: ModelConfig, layer: LayerFacts, log: ImportLog): SpecDraft {
  const biases = resolve<readonly string[] | undefined>(mlp.biases, config) ?? [];
  // Read for every layer: their fields are known where no layer has experts, too.
  const experts = resolve(mlp.experts ?? {}, config);
  return compact({
    kind: mlp.kind,
    activation: activationOf(config, mlp, log),
    width: config.sizes.width,
    biases: biases.length > 0 ? biases : undefined,
    ...(layer.experts && experts),
  });
}

function isAt(spec: unknown, path: readonly string[]): boolean {
  const [step, ...rest] = path;
  if (step === undefined) return spec !== undefined;
  return isObject(spec) && isAt(spec[step], rest);
}

/** Not read where no layer has rotary positions. */
const rotary = ['rope_parameters', 'rope_scaling', 'rope_theta', 'partial_rotary_factor'];

function finishFields(config: ModelConfig, { fields }: Architecture): void {
  config.finish({
    unsupported: { ...ofOtherModels, ...fields?.unsupported },
    noEffect: [...(fields?.noEffect ?? [])],
    silent: [...bookkeeping, ...trainingOnly, ...rotary, ...(fields?.silent ?? [])],
  });
}
