import type { NormShape } from '../../check/shaped-spec.ts';
import { inLayer, type ModuleBuilder } from './module-builder.ts';

export interface NormPlace {
  /** Prefix of its weights' names. */
  readonly at: string;
  readonly width: number;
  readonly x: string;
  /** Of the rows of x, where they are wider. */
  readonly xWidth?: number;
  /** Rows of out are as wide, and end as those of x do. */
  readonly rest?: true;
  readonly out: string;
  /** Rows of each token, where it has one for each head. */
  readonly heads?: number;
  readonly accumulate?: boolean;
  readonly layer?: number;
  readonly rows?: 'context';
}

export function lowerNorm(builder: ModuleBuilder, norm: NormShape, place: NormPlace): void {
  const { at, width, x, xWidth, rest, heads, out, accumulate = false, layer, rows } = place;
  builder.add({
    op: 'norm',
    width,
    kind: norm.kind,
    eps: norm.eps,
    unitOffset: norm.unitOffset,
    x,
    ...(xWidth !== undefined && { xWidth }),
    ...(heads !== undefined && { heads }),
    ...(rest && { rest }),
    ...(norm.weight && { weight: builder.weight(`${at}.weight`) }),
    ...(norm.bias && { bias: builder.weight(`${at}.bias`) }),
    accumulate,
    out,
    ...(rows && { rows }),
    ...inLayer(layer),
  });
}
