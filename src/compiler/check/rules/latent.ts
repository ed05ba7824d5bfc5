import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { LatentShape } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { ResolvedHeads } from './heads.ts';

export interface LatentWidths {
  readonly nopeDim: number;
  readonly ropeDim: number;
  readonly valueDim: number;
}

/** The widths of heads that `mla` gives; undefined without it, or when one is unknown. */
export function latentWidths(spec: BoundSpec): LatentWidths | undefined {
  const nopeDim = spec.at('attention.mla.nope_dim')?.value;
  const ropeDim = spec.at('attention.mla.rope_dim')?.value;
  const valueDim = spec.at('attention.mla.value_dim')?.value;
  return nopeDim === undefined || ropeDim === undefined || valueDim === undefined
    ? undefined
    : Object.freeze({ nopeDim, ropeDim, valueDim });
}

/** `mla`. Reports SCH004: options that speak of other projections, and KV heads that are shared. */
export function resolveLatent(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): LatentShape | undefined {
  if (!spec.isWritten('attention.mla') || hasGivenHeads(spec)) return undefined;
  const notes = [note(spec.keySpan('attention.mla'), 'made from latent rows')];
  const refuse = (option: AnyPath, reason: string, help = `delete \`${option.split('.').at(-1)}\``) =>
    report('SCH004', spec.keySpan(option), { option, reason, help }, notes);
  for (const path of ofProjections) if (spec.isWritten(path)) refuse(path, '`mla` makes q, k and v in its own way');
  if (spec.at('attention.biases')?.value.some((name) => name !== 'o'))
    refuse('attention.biases', 'the projections of `mla` have none but that of `o`', 'leave `o` alone in the list');
  if (heads !== undefined && heads.group.kvHeads !== heads.group.qHeads)
    refuse(heads.source, '`mla` makes a KV head for each query head');
  const widths = latentWidths(spec);
  const kvRank = spec.at('attention.mla.kv_rank')?.value;
  const qRank = spec.at('attention.mla.q_rank')?.value;
  const normEps = spec.at('attention.mla.norm_eps')?.value;
  if (widths === undefined || kvRank === undefined || normEps === undefined) return undefined;
  const { nopeDim, ropeDim } = widths;
  return Object.freeze({ ...(qRank === undefined ? {} : { qRank }), kvRank, nopeDim, ropeDim, normEps });
}

const ofProjections = [
  'attention.inputs',
  'attention.cross',
  'attention.clip_qkv',
  'attention.qk_norm',
  'attention.value_norm',
  'attention.value_residual',
  'attention.rope.dim',
  'attention.rope.heads',
] as const;
