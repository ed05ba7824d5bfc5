import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec } from '../bind.ts';
import type { HeadShape, NormShape } from '../shaped-spec.ts';
import { likeNorm } from './model-norms.ts';

/** `model.head` and what is done to logits; `norm` is the model's. Reports OPT002 (settings of a head that there is none of). */
export function resolveHead(spec: BoundSpec, norm: NormShape, report: Report): HeadShape | undefined {
  const kind = spec.at('model.head.kind')?.value;
  const bias = spec.at('model.head.bias')?.value;
  const scale = spec.at('model.logit_scale')?.value;
  const softcap = spec.at('model.final_softcap')?.value;
  const activation = spec.at('model.head.transform.activation')?.value;
  if (kind === 'hidden') {
    reportWithoutEffect(spec, report);
    return Object.freeze({ kind });
  }
  if (kind === undefined || bias === undefined || scale === undefined) return undefined;
  const transform =
    activation === undefined
      ? undefined
      : Object.freeze({ activation, norm: likeNorm(spec, 'model.head.transform.norm', norm, report) });
  return Object.freeze({
    kind,
    bias,
    scale,
    ...(softcap === undefined ? {} : { softcap }),
    ...(transform === undefined ? {} : { transform }),
  });
}

const ofLogits: readonly AnyPath[] = [
  'model.tie_embeddings',
  'model.logit_scale',
  'model.final_softcap',
  'model.head.bias',
  'model.head.transform',
];

function reportWithoutEffect(spec: BoundSpec, report: Report): void {
  for (const option of ofLogits)
    if (spec.isWritten(option)) report('OPT002', spec.keySpan(option), { option, reason: '`head.kind` is hidden' });
}
