import type { AttentionShape, HeadNormShape } from '../../check/shaped-spec.ts';
import type { HeadNorm, Rotation } from '../nodes.ts';
import type { ModuleBuilder } from './module-builder.ts';

/** The norms of q or of k, in order. The weight of the list's second norm has its own name. */
export function headNormsOf(
  builder: ModuleBuilder,
  { qkNorms }: AttentionShape,
  at: string,
  of: 'q' | 'k',
): readonly HeadNorm[] {
  return qkNorms.flatMap((norm, index) => {
    const { weight } = norm;
    if (!norm[of] || weight === 'projection') return [];
    return [withTensor(builder, { ...norm, weight }, `${at}${of}_norm${index === 0 ? '' : index + 1}`)];
  });
}

export function withTensor(builder: ModuleBuilder, norm: HeadNormShape, name: string): HeadNorm {
  const { kind, eps, unitOffset, groups, weight, bias } = norm;
  return {
    kind,
    eps,
    unitOffset,
    groups,
    weight,
    ...(bias && { bias, biasTensor: builder.weight(`${name}.bias`) }),
    ...(weight !== 'none' && { tensor: builder.weight(`${name}.weight`) }),
  };
}

export function rotationOf(
  builder: ModuleBuilder,
  { rope }: AttentionShape,
  heads: number,
): { readonly rotation?: Rotation } {
  if (rope === undefined) return {};
  const { dim: width, base, scaling, pairing, firstEntry, lastHeads = heads } = rope;
  const rotation = {
    dim: width,
    base,
    ...(scaling && { scaling }),
    pairing,
    table: builder.ropeTable(rope),
    firstHead: heads - lastHeads,
    ...(firstEntry !== undefined && { firstEntry }),
  };
  return { rotation };
}
