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
    refuse(
      'attention.biases',
      '`mla` says it of its projections, but for that of `o`',
      'leave `o` alone in the list, and write `bias` in `mla`',
    );
  if (heads !== undefined && heads.group.kvHeads !== heads.group.qHeads)
    refuse(heads.source, '`mla` makes a KV head for each query head');
  const widths = latentWidths(spec);
  const kvRank = spec.at('attention.mla.kv_rank')?.value;
  const qRank = spec.at('attention.mla.q_rank')?.value;
  const normEps = spec.at('attention.mla.norm_eps')?.value;
  const bias = spec.at('attention.mla.bias')?.value;
  const cache = spec.at('attention.mla.cache')?.value;
  if (cache === 'latent') refuseExpanded(spec, report);
  if (widths === undefined || kvRank === undefined || normEps === undefined) return undefined;
  if (bias === undefined || cache === undefined) return undefined;
  const { nopeDim, ropeDim } = widths;
  return Object.freeze({ ...(qRank === undefined ? {} : { qRank }), kvRank, nopeDim, ropeDim, normEps, bias, cache });
}

/** What speaks of keys and values of heads, which are never made where latent rows are cached. */
function refuseExpanded(spec: BoundSpec, report: Report): void {
  const notes = [note(spec.keySpan('attention.mla.cache'), 'keys and values of heads are never made')];
  const refuse = (option: AnyPath, what: string, reason: string) => {
    const help = `delete ${what}, or write \`cache: expanded\` in \`mla\``;
    report('SCH004', spec.keySpan(option), { option, reason, help }, notes);
  };
  if (spec.isWritten('attention.memory_kv'))
    refuse('attention.memory_kv', '`memory_kv`', 'memory has keys and values for each head');
  if (spec.at('attention.similarity')?.value === 'l2')
    refuse('attention.similarity', '`similarity`', 'a distance is not the same in the latent space');
  if (spec.at('attention.cache.dtype')?.value === 'int8')
    refuse('attention.cache.dtype', '`dtype`', 'the kernels read latent rows of floats only');
  if (spec.isWritten('attention.cache.ranges'))
    refuse('attention.cache.ranges', '`ranges`', 'latent rows are of all heads');
  if (spec.at('attention.cache.heads') !== undefined)
    refuse('attention.cache.heads', '`heads`', 'latent rows are of all heads');
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
