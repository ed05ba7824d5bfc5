import { dim } from '../../check/dims.ts';
import type { AttentionShape, ParameterShape } from '../../check/shaped-spec.ts';
import { headNormsOf } from './head-parts.ts';
import { keptRows } from './hooks.ts';
import { B, I, inLayer, J, type ModuleBuilder, withoutClass } from './module-builder.ts';

/** Everything of an attention node but its q, k, v and out; declares what it reads. */
export function attentionParts(builder: ModuleBuilder, attention: AttentionShape, at: string, layer?: number) {
  const { heads, headDim, valueDim, similarity, scale, columns, mask, normalizer, softcap } = attention;
  const { biasPosition, biasTensor, headMixing, sinks, cross, score, compute } = attention;
  const weight = (name: string) => builder.weight(`${at}attn.${name}`);
  const memory = memoryOf(builder, attention, at, layer);
  const keyMask = mask.padding === 'none' ? undefined : builder.declare('key_mask', 'input', 'u32', [B, J]);
  const documents = mask.documents ? builder.declare('documents', 'input', 'u32', [B, J]) : undefined;
  const bias = biasTensor && { tensor: declareBias(builder, attention, biasTensor), ...biasTensor };
  const mixing = {
    ...(headMixing.pre && { pre: weight('mix_pre.weight') }),
    ...(headMixing.post && { post: weight('mix_post.weight') }),
    ...(headMixing.preScalePost && { preScalePost: weight('mix_pre_scale_post.weight') }),
  };
  const parameters = attention.parameters.map((parameter) => ({
    ...parameter,
    tensor: declareParameter(builder, parameter, at),
  }));
  return {
    heads,
    headDim,
    valueDim,
    similarity,
    scale,
    columns,
    mask,
    normalizer,
    mixing,
    parameters,
    ...(score && { score }),
    cross: cross !== undefined,
    ...(memory && { memory }),
    ...(keyMask && { keyMask }),
    ...(documents && { documents }),
    ...activeOf(builder, attention, at),
    ...(bias && { bias }),
    ...keptRows(builder, attention, at),
    ...(softcap && { softcap }),
    ...(sinks && { sinks: weight('sinks') }),
    ...(compute && { compute }),
    ...(biasPosition?.kind === 'alibi' && { alibi: biasPosition }),
    ...(biasPosition?.kind === 't5' && { t5: { ...biasPosition, table: weight('t5.weight') } }),
  };
}

function activeOf(builder: ModuleBuilder, { activeHeads, heads }: AttentionShape, at: string) {
  if (activeHeads !== 'runtime') return activeHeads && { active: activeHeads };
  return { active: { mask: builder.declare(`${at}active_heads`, 'input', 'u32', [dim(heads.qHeads)]) } };
}

/** A single number is a tensor of one entry. */
function declareParameter(builder: ModuleBuilder, { name, shape, runtime }: ParameterShape, at: string): string {
  if (!runtime) return builder.weight(`${at}attn.parameters.${name}`);
  const axes = shape.length === 0 ? [1] : shape;
  return builder.declare(
    `${withoutClass(at)}parameters.${name}`,
    'input',
    'f32',
    axes.map((axis) => dim(axis)),
  );
}

function declareBias(
  builder: ModuleBuilder,
  { heads }: AttentionShape,
  { perBatch, perHead }: { perBatch: boolean; perHead: boolean },
): string {
  return builder.declare('bias', 'input', 'f32', [
    perBatch ? B : dim(1),
    dim(perHead ? (heads.numbers?.of.qHeads ?? heads.qHeads) : 1),
    I,
    J,
  ]);
}

function memoryOf(builder: ModuleBuilder, attention: AttentionShape, at: string, layer?: number) {
  const { headDim, heads, columns, qkNorms } = attention;
  const slots = columns.memory;
  if (slots === 0) return undefined;
  const memory = builder.weight(`${at}attn.memory_k`);
  const v = builder.weight(`${at}attn.memory_v`);
  const norms = headNormsOf(builder, attention, `${at}attn.`, 'k').filter(
    (_, i) => qkNorms.filter(({ k, weight }) => k && weight !== 'projection')[i]?.memory,
  );
  if (norms.length === 0) return { k: memory, v };
  const { kvHeads } = heads;
  const k = builder.declare(`${at}memory_k_normed`, 'prepared', 'f32', [dim(kvHeads), dim(slots), dim(headDim)]);
  builder.add({ op: 'memory_keys', memory, kvHeads, slots, headDim, norms, out: k, ...inLayer(layer) });
  return { k, v };
}
