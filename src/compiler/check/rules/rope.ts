import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { insertEntry } from '../edits.ts';
import type { RopeShape } from '../shaped-spec.ts';

/** Reports ROPE001 (rotated width) and ROPE003 (pairing not declared for trained weights). */
export function resolveRope(spec: BoundSpec, headDim: number | undefined, report: Report): RopeShape | undefined {
  if (!spec.isWritten('attention.rope') || spec.isInvalid('attention.rope')) return undefined;
  reportPairing(spec, report);
  const base = spec.at('attention.rope.base')?.value;
  const written = spec.at('attention.rope.dim');
  if (headDim === undefined || base === undefined || spec.isInvalid('attention.rope.dim')) return undefined;
  const dim = written?.value ?? headDim;
  if (dim > headDim || dim % 2 !== 0) {
    report('ROPE001', written?.span ?? spec.keySpan('attention.rope'), { dim, headDim });
    return undefined;
  }
  return Object.freeze({ dim, base, pairing: spec.at('attention.rope.pairing')?.value ?? 'half' });
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
