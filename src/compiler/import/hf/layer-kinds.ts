import type { DraftValue, SpecDraft } from '../draft.ts';
import { isObject } from '../fields.ts';
import type { LayerFacts } from './architecture.ts';

/** What one layer has, whole. */
export interface LayerDraft {
  readonly attention: SpecDraft;
  readonly mlp: SpecDraft;
}

/** `attention` and `mlp` of the spec, and `layers` when they differ from layer to layer. */
export function draftLayers(
  layers: readonly LayerDraft[],
  facts: readonly LayerFacts[],
): LayerDraft & { readonly layers?: SpecDraft } {
  const keys = layers.map((layer) => JSON.stringify(layer));
  const distinct = [...new Set(keys)];
  const base = layers[keys.indexOf(mostFrequent(keys))] ?? { attention: {}, mlp: {} };
  if (distinct.length <= 1) return base;
  const names = nameKinds(distinct, keys, facts);
  const kinds = Object.fromEntries(
    distinct.map((key) => [names.get(key) ?? key, difference({ ...base }, { ...layers[keys.indexOf(key)] })]),
  );
  const pattern = shortestPeriod(keys).map((key) => names.get(key) ?? key);
  return { ...base, layers: { kinds, pattern } };
}

/** The first of those that there are most of. */
function mostFrequent(keys: readonly string[]): string {
  const count = (key: string) => keys.filter((one) => one === key).length;
  return [...new Set(keys)].reduce((best, key) => (count(key) > count(best) ? key : best), keys[0] ?? '');
}

/** By what differs between the layers of the kinds; by the layer's number where that is not enough. */
function nameKinds(
  distinct: readonly string[],
  keys: readonly string[],
  facts: readonly LayerFacts[],
): ReadonlyMap<string, string> {
  const differs = (of: (fact: LayerFacts) => unknown) => new Set(facts.map(of)).size > 1;
  const byType = differs(({ window }) => window);
  const byRope = differs(({ ropeless }) => ropeless === true);
  const byExperts = differs(({ experts }) => experts === true);
  const nameOf = ({ window, ropeless, experts }: LayerFacts) =>
    [
      ...(byType ? [window === undefined ? 'full' : 'sliding'] : []),
      ...(byRope ? [ropeless ? 'no_rope' : 'rope'] : []),
      ...(byExperts ? [experts ? 'experts' : 'dense'] : []),
    ].join('_');
  const names = new Map<string, string>();
  for (const key of distinct) {
    const layer = keys.indexOf(key);
    const fact = facts[layer];
    const name = fact === undefined ? '' : nameOf(fact);
    const isTaken = name === '' || [...names.values()].includes(name);
    names.set(key, isTaken ? `layer_${layer}` : name);
  }
  return names;
}

function shortestPeriod(keys: readonly string[]): readonly string[] {
  for (let period = 1; period < keys.length; period++) {
    if (keys.every((key, layer) => key === keys[layer % period])) return keys.slice(0, period);
  }
  return keys;
}

/** What must be changed in `base`, as `layers.kinds` says it, to have `own`. */
function difference(base: SpecDraft, own: SpecDraft): SpecDraft {
  const changes: Record<string, DraftValue> = {};
  for (const [key, value] of Object.entries(own)) {
    const before = base[key];
    if (JSON.stringify(before) === JSON.stringify(value)) continue;
    changes[key] = isDraft(before) && isDraft(value) ? difference(before, value) : value;
  }
  for (const key of Object.keys(base)) if (own[key] === undefined) changes[key] = 'none';
  return changes;
}

function isDraft(value: DraftValue | undefined): value is SpecDraft {
  return isObject(value);
}
