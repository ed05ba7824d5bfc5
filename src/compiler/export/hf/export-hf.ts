import type { ShapedSpec } from '../../check/shaped-spec.ts';
import { architectures } from '../../import/hf/architectures.ts';
import { importHf } from '../../import/hf/import-hf.ts';
import { checkSpec } from '../../pipeline.ts';
import { printYaml } from '../../syntax/print.ts';
import { differences } from './differences.ts';
import { extraFields, sizeFields } from './extras.ts';
import { type Config, commonFields, type ExportedModel, innerWidths, modelOf } from './fields.ts';

export type HfExport =
  | {
      readonly kind: 'config';
      readonly type: string;
      readonly config: Config;
      /** The spec's tensors have the names that this type's checkpoints have. */
      readonly sameNames: boolean;
    }
  | HfRefusal;

export interface HfRefusal {
  readonly kind: 'refused';
  /** The nearest type, and what it would compute otherwise; none for a spec that is no model. */
  readonly nearest?: { readonly type: string; readonly differences: readonly string[] };
}

/**
 * A `config.json` of transformers that means what the spec means. Candidates are written for every model type, or for the one asked
 * for, and read again by the importer: only a config that gives the same model is taken, with the same tensor names if there is one.
 */
export function exportHf(shaped: ShapedSpec, type?: string): HfExport {
  const exported = modelOf(shaped);
  if (exported === undefined) return { kind: 'refused' };
  const types = type === undefined ? inOrder([...architectures.keys()]) : [type];
  const widths = innerWidths(exported);
  const candidates = types.flatMap((one) => widths.flatMap((width) => candidate(one, width, exported, shaped)));
  const same = candidates.filter((one) => one.differences.length === 0);
  const best = same.find(({ sameNames }) => sameNames) ?? same[0];
  if (best !== undefined)
    return { kind: 'config', type: best.type, config: pruned(best, exported, shaped), sameNames: best.sameNames };
  const [first] = candidates;
  if (first === undefined) return { kind: 'refused' };
  const nearest = candidates.reduce((a, b) => (b.differences.length < a.differences.length ? b : a), first);
  return { kind: 'refused', nearest: { type: nearest.type, differences: nearest.differences } };
}

/** What most tools read comes first. */
function inOrder(types: readonly string[]): readonly string[] {
  const first = ['llama', 'mistral', 'qwen2', 'qwen3'].filter((type) => types.includes(type));
  return [...first, ...types.filter((type) => !first.includes(type)).sort()];
}

interface Candidate {
  readonly type: string;
  readonly config: Config;
  /** Of which these fields are in every config of the type. */
  readonly common: Config;
  readonly differences: readonly string[];
  readonly sameNames: boolean;
}

/** One, or none when the type cannot have a model of these sizes. */
function candidate(type: string, width: number, exported: ExportedModel, shaped: ShapedSpec): readonly Candidate[] {
  const architecture = architectures.get(type);
  if (architecture === undefined) return [];
  const common = commonFields(type, architecture, exported, width);
  const config = withoutUnread({ ...common, ...extraFields(exported) });
  const again = config === undefined ? undefined : readAgain(config);
  if (config === undefined || again === undefined) return [];
  return [{ type, config, common, differences: differences(shaped, again), sameNames: haveSameNames(shaped, again) }];
}

/** Without the fields that the type does not read; which they are shows step by step, as one may be read only with another. */
function withoutUnread(written: Config): Config | undefined {
  let config = written;
  for (let round = 0; round < 8; round++) {
    const errors = importHf(config).notes.filter(({ severity }) => severity === 'error');
    if (errors.length === 0) return config;
    const unread = new Set(errors.map(({ path }) => path.split('.')[0]));
    const kept = Object.entries(config).filter(([field]) => !unread.has(field));
    if (kept.length === Object.keys(config).length) return undefined;
    config = Object.fromEntries(kept);
  }
  return undefined;
}

function readAgain(config: Config): ShapedSpec | undefined {
  const { spec, notes } = importHf(config);
  const isRefused = spec === undefined || notes.some(({ severity }) => severity === 'error');
  return isRefused ? undefined : checkSpec({ path: 'config.json', text: printYaml(spec) }).shaped;
}

function haveSameNames(a: ShapedSpec, b: ShapedSpec): boolean {
  const names = ({ weights }: ShapedSpec) => JSON.stringify(weights.map(({ name, source }) => [name, source]));
  return names(a) === names(b);
}

/** Without those of the extra fields that change nothing. */
function pruned({ config, sameNames, common }: Candidate, exported: ExportedModel, shaped: ShapedSpec): Config {
  const sizes = sizeFields(exported);
  let kept = config;
  for (const field of Object.keys(extraFields(exported))) {
    if (!Object.hasOwn(kept, field) || Object.hasOwn(common, field) || Object.hasOwn(sizes, field)) continue;
    const { [field]: _, ...without } = kept;
    const again = readAgain(without);
    const isSame = again !== undefined && differences(shaped, again).length === 0;
    if (isSame && (!sameNames || haveSameNames(shaped, again))) kept = without;
  }
  return kept;
}
