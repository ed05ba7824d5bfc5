import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { RopeScaling } from '../shaped-spec.ts';

type Kind = RopeScaling['kind'];

const at = 'attention.rope.scaling';

/** Options of each kind; `?` marks those that may be left out. */
const optionsOf = {
  linear: ['factor'],
  dynamic: ['factor', 'original_context'],
  llama3: ['factor', 'original_context', 'low_freq_factor', 'high_freq_factor'],
  yarn: [
    'factor?',
    'original_context',
    'beta_fast?',
    'beta_slow?',
    'truncate?',
    'mscale?',
    'mscale_all_dim?',
    'attention_factor?',
  ],
  longrope: ['factor?', 'original_context', 'short_factor', 'long_factor', 'attention_factor?'],
} as const satisfies Readonly<Record<Kind, readonly string[]>>;

type Name = (typeof optionsOf)[Kind][number] extends infer T ? (T extends `${infer N}?` ? N : T) : never;

const kinds = Object.keys(optionsOf) as Kind[];
const bare = (name: string) => name.replace('?', '') as Name;
const all = new Set(kinds.flatMap((kind) => optionsOf[kind].map(bare)));

/**
 * `rope.scaling`. Reports SCH003 and SCH004 (options of a kind), ROPE002 (lists of another length), ROPE005 (a range of
 * frequencies that is none), OPT002.
 */
export function resolveRopeScaling(
  spec: BoundSpec,
  dim: number,
  base: number,
  report: Report,
): RopeScaling | undefined {
  const kind = spec.at(`${at}.kind`)?.value;
  if (kind === undefined || !hasItsOptions(spec, kind, report)) return undefined;
  const originalContext = spec.at(`${at}.original_context`)?.value ?? 0;
  const factor = resolveFactor(spec, originalContext);
  switch (kind) {
    case 'linear':
      return factor === undefined ? missingFactor(spec, report) : Object.freeze({ kind, factor });
    case 'dynamic':
      if (factor === undefined) return missingFactor(spec, report);
      reportUnreached(spec, originalContext, report);
      return Object.freeze({ kind, factor, originalContext });
    case 'llama3': {
      if (factor === undefined) return missingFactor(spec, report);
      const lowFreqFactor = spec.at(`${at}.low_freq_factor`)?.value ?? 0;
      const highFreqFactor = spec.at(`${at}.high_freq_factor`)?.value ?? 0;
      if (highFreqFactor <= lowFreqFactor)
        reportRange(spec, 'high_freq_factor', highFreqFactor, 'low_freq_factor', lowFreqFactor, report);
      return Object.freeze({ kind, factor, originalContext, lowFreqFactor, highFreqFactor });
    }
    case 'yarn': {
      if (factor === undefined) return missingFactor(spec, report);
      const betaFast = spec.at(`${at}.beta_fast`)?.value ?? 32;
      const betaSlow = spec.at(`${at}.beta_slow`)?.value ?? 1;
      const truncate = spec.at(`${at}.truncate`)?.value ?? true;
      if (betaFast <= betaSlow) reportRange(spec, 'beta_fast', betaFast, 'beta_slow', betaSlow, report);
      if (base <= 1) reportRange(spec, 'base', base, '1', 1, report);
      const attentionFactor = yarnAttentionFactor(spec, factor, report);
      return Object.freeze({ kind, factor, originalContext, betaFast, betaSlow, truncate, attentionFactor });
    }
    case 'longrope': {
      const written = spec.at(`${at}.attention_factor`)?.value;
      if (factor === undefined && written === undefined) return missingFactor(spec, report);
      if (spec.isWritten(`${at}.factor`)) reportIdleFactor(spec, factor, written, report);
      const shortFactors = resolveFactors(spec, 'short_factor', dim, report);
      const longFactors = resolveFactors(spec, 'long_factor', dim, report);
      const grown =
        factor === undefined || factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext));
      return Object.freeze({ kind, originalContext, shortFactors, longFactors, attentionFactor: written ?? grown });
    }
  }
}

/** How much longer sequences sharpen the logits (arXiv 2309.00071), weighted by `mscale`. */
export function yarnMscale(factor: number, mscale: number): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}

/** As written, or the ratio of both scales, or what the factor gives by itself. Reports OPT002 for scales that come to nothing. */
function yarnAttentionFactor(spec: BoundSpec, factor: number, report: Report): number {
  const written = spec.at(`${at}.attention_factor`)?.value;
  const mscale = spec.at(`${at}.mscale`)?.value ?? 0;
  const allDim = spec.at(`${at}.mscale_all_dim`)?.value ?? 0;
  const isRatio = written === undefined && mscale > 0 && allDim > 0;
  const reportIdle = (option: `${typeof at}.mscale` | `${typeof at}.mscale_all_dim`, other: string) => {
    const both = `the attention factor is made from it and \`${other}\` together`;
    const reason = written === undefined ? both : '`attention_factor` is written in its place';
    report('OPT002', spec.keySpan(option), { option, reason });
  };
  if (mscale > 0 && !isRatio) reportIdle(`${at}.mscale`, 'mscale_all_dim');
  // Latent attention scales its logits by it too.
  if (allDim > 0 && !isRatio && !spec.isWritten('attention.mla')) reportIdle(`${at}.mscale_all_dim`, 'mscale');
  return written ?? (isRatio ? yarnMscale(factor, mscale) / yarnMscale(factor, allDim) : yarnMscale(factor, 1));
}

function hasItsOptions(spec: BoundSpec, kind: Kind, report: Report): boolean {
  const own: readonly string[] = optionsOf[kind];
  let complete = true;
  for (const name of all) {
    const option = `${at}.${name}` as const;
    const isOwn = own.some((one) => bare(one) === name);
    if (spec.isInvalid(option)) complete = complete && !isOwn;
    else if (!isOwn && spec.isWritten(option)) {
      const owners = kinds.filter((one) => optionsOf[one].some((other) => bare(other) === name));
      const args = { option, reason: `it belongs to ${owners.join(' and ')}, the kind is ${kind}` };
      report('SCH004', spec.keySpan(option), { ...args, help: `delete \`${name}\`, or correct \`kind\`` });
    } else if (own.includes(name) && !spec.isWritten(option)) {
      report('SCH003', spec.keySpan(at), { option, because: `${kind} has no default for it` });
      complete = false;
    }
  }
  return complete;
}

function resolveFactor(spec: BoundSpec, originalContext: number): number | undefined {
  const context = spec.at('model.context')?.value;
  return spec.at(`${at}.factor`)?.value ?? (context === undefined ? undefined : context / originalContext);
}

function missingFactor(spec: BoundSpec, report: Report): undefined {
  const because = 'there is no `model.context` to derive it from';
  if (!spec.isWritten('model')) report('SCH003', spec.keySpan(at), { option: `${at}.factor`, because });
  return undefined;
}

function resolveFactors(
  spec: BoundSpec,
  name: 'short_factor' | 'long_factor',
  dim: number,
  report: Report,
): readonly number[] {
  const written = spec.at(`${at}.${name}`);
  const factors = written?.value ?? [];
  if (written !== undefined && factors.length !== dim / 2)
    report('ROPE002', written.span, { option: name, found: factors.length, dim });
  return Object.freeze([...factors]);
}

/** Only the attention factor of longrope follows from `factor`. */
function reportIdleFactor(
  spec: BoundSpec,
  factor: number | undefined,
  attentionFactor: number | undefined,
  report: Report,
): void {
  const option = `${at}.factor` as const;
  const because =
    attentionFactor === undefined ? 'up to 1 it sharpens nothing' : '`attention_factor` is written in its place';
  if (attentionFactor !== undefined || (factor ?? 0) <= 1)
    report('OPT002', spec.keySpan(option), { option, reason: because });
}

function reportRange(
  spec: BoundSpec,
  high: 'high_freq_factor' | 'beta_fast' | 'base',
  value: number,
  low: string,
  bound: number,
  report: Report,
): void {
  const path = high === 'base' ? ('attention.rope.base' as const) : (`${at}.${high}` as const);
  report('ROPE005', spec.at(path)?.span ?? spec.keySpan(path), { high, value, low, bound });
}

function reportUnreached(spec: BoundSpec, originalContext: number, report: Report): void {
  const context = spec.at('model.context')?.value;
  if (context === undefined || context > originalContext) return;
  const reason = `a context of ${context} is within the original ${originalContext}`;
  report('OPT002', spec.keySpan(at), { option: at, reason });
}
