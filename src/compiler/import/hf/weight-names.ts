import { checkSpec } from '../../pipeline.ts';
import { printYaml } from '../../syntax/print.ts';
import { type DraftValue, type ImportLog, type SpecDraft, say } from '../draft.ts';
import type { ModelConfig, WeightFacts } from './architecture.ts';
import { type NamedWeights, type TensorNames, whole, writtenSource } from './weight-sources.ts';

interface PlacedWeights extends WeightFacts {
  /** What published names begin with when the model is a part of a larger one. */
  readonly within: string;
}

/**
 * `weights.names` of the spec: for each weight that the checker finds in the model, where checkpoints of the architecture have
 * it. Undefined when the checker refuses the model; the log has its words.
 */
export function draftWeights(
  spec: SpecDraft,
  facts: PlacedWeights,
  config: ModelConfig,
  log: ImportLog,
): SpecDraft | undefined {
  const own = canonicalNames(spec, log);
  if (own === undefined) return undefined;
  const { tensors } = config;
  const prefix = prefixOf(facts, tensors);
  const body = facts.names(config, withoutPrefix(tensors, prefix));
  const head = headOf(facts, tensors);
  const names: Record<string, DraftValue> = {};
  for (const name of own) {
    const source = body[name] === undefined ? undefined : writtenSource(body[name], prefix);
    const ofHead = head[name] === undefined ? undefined : writtenSource(head[name], '');
    const found = source ?? ofHead;
    if (found !== undefined) names[name] = found;
    else say(log, 'IMP002', 'model_type', `${name}: it is not known where checkpoints of this model type have it`);
  }
  return names;
}

/** Of the weights of the spec, each once for all layers, in forward order. */
function canonicalNames(spec: SpecDraft, log: ImportLog): ReadonlySet<string> | undefined {
  const { shaped, diagnostics } = checkSpec({ path: 'imported', text: printYaml(spec) });
  const [first] = diagnostics.filter(({ severity }) => severity === 'error');
  if (shaped === undefined || first !== undefined) {
    say(log, 'IMP002', '', `the checker refuses this model: ${first?.code ?? ''} ${first?.message ?? ''}`);
    return undefined;
  }
  return new Set(shaped.weights.map(({ name }) => name.replace(/^layers\.\d+\./, 'layers.{i}.')));
}

/** Checkpoints of a bare model have no prefix, those inside a larger model a longer one. */
function prefixOf({ within, prefix, embedding }: PlacedWeights, tensors: TensorNames): string {
  const name = `${embedding}.weight`;
  const found = [...(tensors ?? [])].filter((one) => one === name || one.endsWith(`.${name}`));
  const shortest = found.reduce<string | undefined>(
    (best, one) => (best === undefined || one.length < best.length ? one : best),
    undefined,
  );
  return shortest === undefined ? within + prefix : shortest.slice(0, -name.length);
}

function withoutPrefix(tensors: TensorNames, prefix: string): TensorNames {
  return (
    tensors && new Set([...tensors].filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length)))
  );
}

function headOf({ within, head, headNames }: PlacedWeights, tensors: TensorNames): NamedWeights {
  const all = [...(tensors ?? [])];
  const found = head.flatMap((module) =>
    all.filter((one) => one === `${module}.weight` || one.endsWith(`.${module}.weight`)),
  );
  const module = found[0]?.slice(0, -'.weight'.length) ?? within + (head[0] ?? 'lm_head');
  return { ...whole('head', module), ...headNames?.(tensors) };
}
