import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { keyColumns } from '../key-columns.ts';
import { resolveActiveHeads } from '../rules/active-heads.ts';
import { resolveCache } from '../rules/cache.ts';
import { resolveCross } from '../rules/cross.ts';
import { resolveExpressions } from '../rules/expressions.ts';
import { resolveQkNorms, resolveValueNorm } from '../rules/head-norms.ts';
import type { ResolvedHeads } from '../rules/heads.ts';
import { resolveHooks } from '../rules/hooks.ts';
import { resolveInputs } from '../rules/inputs.ts';
import { resolveLatent } from '../rules/latent.ts';
import { resolveBiasTensor, resolveNormalizer, resolveSoftcap } from '../rules/logits.ts';
import { resolveMask } from '../rules/mask.ts';
import { resolveMemory } from '../rules/memory.ts';
import { checkBuffers } from '../rules/parameters.ts';
import { resolveBiasPosition } from '../rules/position-bias.ts';
import { resolveActivations, resolveCompute } from '../rules/precision.ts';
import { resolveRope } from '../rules/rope.ts';
import { yarnMscale } from '../rules/rope-scaling.ts';
import { resolveValueResidual } from '../rules/value-residual.ts';
import { resolveWidths } from '../rules/widths.ts';
import type { AttentionShape, GatesShape, QkNormShape, RopeShape } from '../shaped-spec.ts';

/** Every option of `attention`, resolved; undefined when a dimension could not be known. All rules are applied in any case. */
export function resolveAttention(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): AttentionShape | undefined {
  const widths = resolveWidths(spec, report);
  const latent = resolveLatent(spec, heads, report);
  const cross = resolveCross(spec, report);
  const inputs = resolveInputs(spec, heads, report);
  const memory = resolveMemory(spec, heads, report);
  const qkNorms = resolveQkNorms(spec, widths?.headDim, memory, report);
  const valueNorm = resolveValueNorm(spec);
  const valueResidual = resolveValueResidual(spec, report);
  const rope = resolveRope(spec, widths?.headDim, heads, report);
  const biasPosition = resolveBiasPosition(spec, heads, report);
  const mask = resolveMask(spec, report);
  const softcap = resolveSoftcap(spec, report);
  const biasTensor = resolveBiasTensor(spec);
  const normalizer = resolveNormalizer(spec, report);
  const gates = resolveGates(spec);
  const clipQkv = spec.at('attention.clip_qkv')?.value;
  const hooks = resolveHooks(spec, report);
  const cache = resolveCache(spec, heads, report);
  const compute = resolveCompute(spec, hooks, report);
  const activations = resolveActivations(spec, widths?.valueDim, report);
  const activeHeads = resolveActiveHeads(spec, heads, report);
  const similarity = spec.at('attention.similarity')?.value;
  const sinks = spec.at('attention.sinks')?.value;
  const zero = spec.at('attention.zero_kv')?.value;
  const mixing = spec.at('attention.head_mixing')?.value;
  const biases = spec.at('attention.biases')?.value;
  if (heads === undefined || widths === undefined || mask === undefined || normalizer === undefined) return undefined;
  if (similarity === undefined || sinks === undefined || zero === undefined || mixing === undefined) return undefined;
  if (spec.isWritten('attention.mla') && latent === undefined) return undefined;
  if (gates === undefined || biases === undefined || cache === undefined) return undefined;
  const { hidden, outHidden, headDim, valueDim } = widths;
  const columns = keyColumns(zero, memory?.slots ?? 0);
  const context = spec.at('model.context')?.value;
  const { where, ...expressions } = resolveExpressions(
    spec,
    { heads: heads.group, columns, mask, inputs, isCross: cross !== undefined, ...(context && { context }) },
    report,
  );
  const attention: AttentionShape = Object.freeze({
    inputs,
    ...(hidden === undefined ? {} : { hidden }),
    ...(outHidden === undefined ? {} : { outHidden }),
    ...(cross === undefined ? {} : { cross }),
    heads: heads.group,
    ...(latent === undefined ? {} : { latent }),
    ...(activeHeads === undefined ? {} : { activeHeads }),
    headDim,
    valueDim,
    similarity,
    scale: spec.at('attention.scale')?.value ?? defaultScale(qkNorms, headDim) * latentFactor(spec, rope),
    ...(clipQkv === undefined ? {} : { clipQkv }),
    qkNorms,
    ...(valueNorm === undefined ? {} : { valueNorm }),
    ...(valueResidual === undefined ? {} : { valueResidual }),
    ...(rope === undefined ? {} : { rope }),
    ...(biasPosition === undefined ? {} : { biasPosition }),
    columns,
    mask: where === undefined ? mask : Object.freeze({ ...mask, where }),
    ...expressions,
    sinks,
    ...(softcap === undefined ? {} : { softcap }),
    ...(biasTensor === undefined ? {} : { biasTensor }),
    headMixing: Object.freeze({
      pre: mixing.includes('pre'),
      post: mixing.includes('post'),
      preScalePost: mixing.includes('pre_scale_post'),
    }),
    normalizer,
    gates,
    biases: Object.freeze({
      q: biases.includes('q'),
      k: biases.includes('k'),
      v: biases.includes('v'),
      o: biases.includes('o'),
    }),
    ...cache,
    ...(compute && { compute }),
    ...(activations && { activations }),
    hooks,
  });
  checkBuffers(spec, attention, report);
  return attention;
}

/** Unit vectors have products within ±1: a fixed 10 in place of D^-0.5, as in x-transformers. */
function defaultScale(qkNorms: readonly QkNormShape[], headDim: number): number {
  const isUnit = qkNorms.some(({ kind, weight }) => kind === 'l2' && weight === 'none');
  return isUnit ? 10 : 1 / Math.sqrt(headDim);
}

/** DeepSeek's models sharpen the logits for longer sequences by this, and not by the rotation. */
function latentFactor(spec: BoundSpec, rope: RopeShape | undefined): number {
  const weight = spec.at('attention.rope.scaling.mscale_all_dim')?.value ?? 0;
  if (!spec.isWritten('attention.mla') || rope?.scaling?.kind !== 'yarn' || weight === 0) return 1;
  return yarnMscale(rope.scaling.factor, weight) ** 2;
}

function resolveGates(spec: BoundSpec): GatesShape | undefined {
  const headScale = spec.at('attention.gates.head_scale')?.value;
  const head = spec.at('attention.gates.head')?.value;
  const value = spec.at('attention.gates.value')?.value;
  const outputGlu = spec.at('attention.gates.output_glu')?.value;
  if (headScale === undefined || head === undefined || value === undefined || outputGlu === undefined) return undefined;
  return Object.freeze({ headScale, head, value, outputGlu });
}
