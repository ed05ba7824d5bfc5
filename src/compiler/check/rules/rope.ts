import type { Report } from '../../diagnostics/report.ts';
import { insertEntry } from '../../syntax/edits.ts';
import type { BoundSpec } from '../bind.ts';
import type { RopeShape } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { ResolvedHeads } from './heads.ts';
import { latentWidths } from './latent.ts';
import { kvHeadsNote } from './memory.ts';
import { resolveRopeScaling } from './rope-scaling.ts';

/** Reports ROPE001 (rotated width), ROPE003 (pairing not declared for trained weights) and ROPE004 (rotated heads). */
export function resolveRope(
  spec: BoundSpec,
  headDim: number | undefined,
  heads: ResolvedHeads | undefined,
  report: Report,
): RopeShape | undefined {
  if (!spec.isWritten('attention.rope') || spec.isInvalid('attention.rope') || hasGivenHeads(spec)) return undefined;
  reportPairing(spec, report);
  const lastHeads = resolveLastHeads(spec, heads, report);
  const base = spec.at('attention.rope.base')?.value;
  const written = spec.at('attention.rope.dim');
  if (headDim === undefined || base === undefined || spec.isInvalid('attention.rope.dim')) return undefined;
  const latent = latentWidths(spec);
  const dim = latent?.ropeDim ?? written?.value ?? headDim;
  if (dim > headDim || dim % 2 !== 0) {
    const place = latent === undefined ? written : spec.at('attention.mla.rope_dim');
    report('ROPE001', place?.span ?? spec.keySpan('attention.rope'), { dim, headDim });
    return undefined;
  }
  const pairing = spec.at('attention.rope.pairing')?.value ?? 'half';
  const scaling = resolveRopeScaling(spec, dim, base, report);
  return Object.freeze({
    dim,
    base,
    pairing,
    ...(lastHeads === undefined ? {} : { lastHeads }),
    ...(latent === undefined ? {} : { firstEntry: latent.nopeDim }),
    ...(scaling === undefined ? {} : { scaling }),
  });
}

/** Undefined when all heads turn. */
function resolveLastHeads(spec: BoundSpec, heads: ResolvedHeads | undefined, report: Report): number | undefined {
  const written = spec.at('attention.rope.heads');
  if (written === undefined || heads === undefined) return undefined;
  const { qHeads, kvHeads } = heads.group;
  if (written.value === qHeads) return undefined;
  if (written.value > qHeads || kvHeads !== qHeads) {
    const notes = written.value > qHeads ? [] : [kvHeadsNote(spec, heads)];
    report('ROPE004', written.span, { rotated: written.value, qHeads, kvHeads }, notes);
    return undefined;
  }
  return written.value;
}

function reportPairing(spec: BoundSpec, report: Report): void {
  const hasWeights = spec.isWritten('weights.file') || spec.isWritten('weights.names');
  if (!hasWeights || spec.isWritten('attention.rope.pairing') || spec.isInvalid('attention.rope.pairing')) return;
  const map = spec.mapAround('attention.rope.pairing');
  const fixes =
    map === undefined
      ? []
      : (['half', 'interleaved'] as const).map((pairing) => ({
          title: `write \`pairing: ${pairing}\``,
          edits: [insertEntry(map, `pairing: ${pairing}`)],
        }));
  report('ROPE003', spec.keySpan('attention.rope'), {}, [], fixes);
}
