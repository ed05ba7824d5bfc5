import type { FieldReader } from '../fields.ts';
import type { LayerFacts, LayerType, ModelConfig } from './architecture.ts';

/** One entry a layer. */
export function eachLayer<T>(config: ModelConfig, of: (layer: number) => T): readonly T[] {
  return Array.from({ length: config.sizes.layers }, (_, layer) => of(layer));
}

/** All layers see the last `sliding_window` keys; all keys where that is null. */
export function windowEverywhere(fallback: number | undefined): (config: ModelConfig) => readonly LayerFacts[] {
  return (config) => {
    const window = windowField(config, fallback);
    return eachLayer(config, () => (window === undefined ? { type: 'full_attention' } : slidingLayer(window)));
  };
}

/** `sliding_window`; null is none. */
export function windowField(config: ModelConfig, fallback: number | undefined): number | undefined {
  return config.positiveInteger('sliding_window') ?? (config.isWritten('sliding_window') ? undefined : fallback);
}

/** By `layer_types`, or by `rule` where a config has none. A window of null is none. */
export function windowByLayer(
  config: ModelConfig,
  window: number | undefined,
  rule: (layer: number) => LayerType,
): readonly LayerFacts[] {
  const types = layerTypes(config) ?? eachLayer(config, rule);
  return types.map((type) =>
    type === 'sliding_attention' && window !== undefined ? slidingLayer(window) : { type: 'full_attention' },
  );
}

export function slidingLayer(window: number): LayerFacts {
  return { type: 'sliding_attention', window };
}

/** Every nth layer sees all keys. */
export function fullEvery(n: number): (layer: number) => LayerType {
  return (layer) => ((layer + 1) % n === 0 ? 'full_attention' : 'sliding_attention');
}

const known: readonly LayerType[] = ['full_attention', 'sliding_attention'];

function layerTypes(config: FieldReader & Pick<ModelConfig, 'sizes'>): readonly LayerType[] | undefined {
  const written = config.words('layer_types', known);
  if (written === undefined || written.length === config.sizes.layers) return written;
  config.refuse('layer_types', `has ${written.length} entries for ${config.sizes.layers} layers`);
  return undefined;
}

/** Layers of Qwen: windows from `max_window_layers` on, if `use_sliding_window`. */
export function qwenLayers(config: ModelConfig): readonly LayerFacts[] {
  const isOn = config.boolean('use_sliding_window', false);
  const first = config.integerFrom('max_window_layers', 0) ?? 28;
  const written = windowField(config, 4096);
  const window = isOn ? written : undefined;
  return windowByLayer(config, window, (layer) => (layer >= first ? 'sliding_attention' : 'full_attention'));
}
