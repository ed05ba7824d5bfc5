import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { HeadNormShape, QkNormShape } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { Memory } from './memory.ts';

const defaultEps = { rms: 1e-6, layer: 1e-5, l2: 1e-12 } as const;

/** The norms of `qk_norm`. Reports SCH004 (an offset without a weight), NRM002 (groups), OPT002. */
export function resolveQkNorms(
  spec: BoundSpec,
  headDim: number | undefined,
  memory: Memory | undefined,
  report: Report,
): readonly QkNormShape[] {
  if (hasGivenHeads(spec)) return [];
  const items = Array.from({ length: spec.itemsOf('attention.qk_norm') }, (_, item) => item);
  return Object.freeze(items.flatMap((item) => resolveQkNorm(spec, item, headDim, memory, report) ?? []));
}

function resolveQkNorm(
  spec: BoundSpec,
  item: number,
  headDim: number | undefined,
  memory: Memory | undefined,
  report: Report,
): QkNormShape | undefined {
  const kind = spec.at('attention.qk_norm.kind', item)?.value;
  if (kind === undefined) return undefined;
  const weight = spec.at('attention.qk_norm.weight', item)?.value ?? (kind === 'l2' ? 'none' : 'shared');
  const unitOffset = spec.at('attention.qk_norm.unit_offset', item)?.value ?? false;
  if (weight === 'none' && unitOffset) {
    const args = { option: 'attention.qk_norm.unit_offset', reason: 'the norm has no weight' };
    const help = 'delete `unit_offset`, or write `weight: shared` or `weight: per_head`';
    report('SCH004', spec.keySpan('attention.qk_norm.unit_offset', item), { ...args, help });
  }
  const bias = hasBias(spec, item, weight, report);
  const groups = spec.at('attention.qk_norm.groups', item);
  if (weight === 'projection') checkProjectionNorm(spec, item, kind, report);
  if (groups !== undefined && headDim !== undefined && headDim % groups.value !== 0)
    report('NRM002', groups.span, { groups: groups.value, headDim });
  const q = spec.at('attention.qk_norm.q', item)?.value ?? true;
  const k = spec.at('attention.qk_norm.k', item)?.value ?? true;
  if (!q && !k) {
    const args = { option: 'attention.qk_norm', reason: 'it applies neither to `q` nor to `k`' };
    report('OPT002', spec.keySpan('attention.qk_norm.kind', item), args);
  }
  return Object.freeze({
    kind,
    eps: spec.at('attention.qk_norm.eps', item)?.value ?? defaultEps[kind],
    unitOffset,
    groups: groups?.value ?? 1,
    weight,
    ...(bias ? { bias } : {}),
    q,
    k,
    memory: weight !== 'projection' && appliesToMemory(spec, item, k, memory, report),
  });
}

function hasBias(spec: BoundSpec, item: number, weight: QkNormShape['weight'], report: Report): boolean {
  if (spec.at('attention.qk_norm.bias', item)?.value !== true) return false;
  const option = 'attention.qk_norm.bias';
  const refuse = (reason: string, help: string) =>
    report('SCH004', spec.keySpan(option, item), { option, reason, help });
  if (weight === 'none') refuse('the norm has no weight', 'delete `bias`, or write `weight: shared`');
  else if (spec.itemsOf('attention.qk_norm') > 1) refuse('there are two norms', 'delete `bias`, or the other norm');
  return weight !== 'none';
}

/** A norm over all heads together comes before there are heads. */
function checkProjectionNorm(spec: BoundSpec, item: number, kind: QkNormShape['kind'], report: Report): void {
  const refuse = (path: 'kind' | 'groups' | 'memory' | 'weight', reason: string, help: string) => {
    const option = `attention.qk_norm.${path}` as const;
    report('SCH004', spec.keySpan(option, item), { option, reason: `with \`weight: projection\` ${reason}`, help });
  };
  if (kind === 'l2') refuse('kind', 'the norm is `rms` or `layer`', 'write `kind: rms`, or `weight: shared`');
  if (spec.isWritten('attention.qk_norm.groups', item))
    refuse('groups', 'the norm is over all heads together', 'delete `groups`, or write `weight: shared`');
  if (spec.at('attention.qk_norm.memory', item)?.value === true)
    refuse('memory', 'the norm is over projected keys, and memory keys are not projected', 'delete `memory`');
  if (item > 0) refuse('weight', 'the norm comes before there are heads', 'write it as the first of the list');
}

function appliesToMemory(
  spec: BoundSpec,
  item: number,
  k: boolean,
  memory: Memory | undefined,
  report: Report,
): boolean {
  const own = spec.at('attention.qk_norm.memory', item)?.value;
  const hasMemory = spec.isWritten('attention.memory_kv') || spec.isInvalid('attention.memory_kv');
  if (own === true && (!hasMemory || !k)) {
    const reason = k ? 'there is no `memory_kv`' : 'the norm does not apply to keys';
    report('OPT002', spec.keySpan('attention.qk_norm.memory', item), { option: 'attention.qk_norm.memory', reason });
  }
  return k && memory !== undefined && (own ?? memory.normalized);
}

/** `value_norm`, over Dv. */
export function resolveValueNorm(spec: BoundSpec): HeadNormShape | undefined {
  const kind = spec.at('attention.value_norm.kind')?.value;
  const weight = spec.at('attention.value_norm.weight')?.value;
  if (hasGivenHeads(spec) || kind === undefined || weight === undefined) return undefined;
  const eps = spec.at('attention.value_norm.eps')?.value ?? defaultEps[kind];
  const unitOffset = spec.at('attention.value_norm.unit_offset')?.value ?? false;
  return Object.freeze({ kind, eps, unitOffset, groups: 1, weight });
}
