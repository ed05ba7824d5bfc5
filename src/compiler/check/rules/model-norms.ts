import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { BlockShape, LayerNorms, NormShape } from '../shaped-spec.ts';

type NormPath = 'model.norm' | 'model.embedding_norm' | 'model.head.transform.norm';

/** `model.norm`. Reports SCH004 (an offset or a bias without a weight). */
export function resolveNorm(spec: BoundSpec, report: Report): NormShape | undefined {
  const kind = spec.at('model.norm.kind')?.value;
  if (kind === undefined) return undefined;
  return normAt(spec, 'model.norm', { ...defaultsOf(kind), weight: true, unitOffset: false }, report);
}

/** A norm that is as `like` but for what is written. Reports as `resolveNorm`. */
export function likeNorm(
  spec: BoundSpec,
  path: Exclude<NormPath, 'model.norm'>,
  like: NormShape,
  report: Report,
): NormShape {
  const kind = spec.at(`${path}.kind`)?.value ?? like.kind;
  return normAt(spec, path, kind === like.kind ? like : { ...like, ...defaultsOf(kind) }, report);
}

/** The norms of a layer whose parts are joined so. */
export function layerNorms({ norms, parallel }: BlockShape, norm: NormShape): LayerNorms {
  const inputs = norms === 'output' ? {} : { attention: norm, ...(parallel === 'one_norm' ? {} : { mlp: norm }) };
  const outputs = norms === 'sandwich' || norms === 'output' ? { attentionOut: norm, mlpOut: norm } : {};
  return Object.freeze({ ...inputs, ...outputs });
}

function defaultsOf(kind: NormShape['kind']) {
  return kind === 'rms' ? { kind, eps: 1e-6, bias: false } : { kind, eps: 1e-5, bias: true };
}

function normAt(spec: BoundSpec, path: NormPath, defaults: NormShape, report: Report): NormShape {
  const eps = spec.at(`${path}.eps`)?.value ?? defaults.eps;
  const weight = spec.at(`${path}.weight`)?.value ?? defaults.weight;
  const unitOffset = spec.at(`${path}.unit_offset`)?.value;
  const bias = spec.at(`${path}.bias`)?.value;
  const refuse = (option: 'unit_offset' | 'bias') => {
    const args = { option: `${path}.${option}`, reason: 'the norm has no weight' };
    report('SCH004', spec.keySpan(`${path}.${option}`), {
      ...args,
      help: `delete \`${option}\`, or \`weight: false\``,
    });
  };
  if (!weight && unitOffset === true) refuse('unit_offset');
  if (!weight && bias === true) refuse('bias');
  return Object.freeze({
    kind: defaults.kind,
    eps,
    weight,
    unitOffset: weight && (unitOffset ?? defaults.unitOffset),
    bias: weight && (bias ?? defaults.bias),
  });
}
