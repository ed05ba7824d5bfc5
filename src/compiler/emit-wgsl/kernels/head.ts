import type { HeadNormPlan, RotationPlan } from '../../plan/kernel-plan.ts';
import { type Binding, type Constant, f32c, u32c } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';

/** One head held by a workgroup: norm, then rotation. Used for queries, keys and memory keys alike, so that they cannot differ. */
export interface HeadParts {
  readonly constants: Readonly<Record<string, Constant>>;
  /** `norm_weight` and `rotations`, where there are any. */
  readonly bindings: readonly Binding[];
  /** Last comes `fn finished(e: u32, position: u32) -> f32`: entry e of the head, normalised and rotated; zero beyond its end. */
  readonly functions: readonly string[];
  /** Statements that fill `head` from `SOURCE(e)` and prepare `finished`; uses `lane`. */
  readonly load: (source: string) => string;
}

export interface HeadOptions {
  readonly headDim: number;
  readonly threads: number;
  readonly norm?: HeadNormPlan | undefined;
  readonly rotation?: RotationPlan | undefined;
}

export function headParts({ headDim, threads, norm, rotation }: HeadOptions): HeadParts {
  return {
    constants: {
      HEAD_DIM: u32c(headDim),
      THREADS: u32c(threads),
      ...(norm && { GROUP_WIDTH: u32c(headDim / norm.groups), NORM_EPS: f32c(norm.eps), TINY: f32c(1e-30) }),
      ...(rotation && { ROTARY_DIM: u32c(rotation.dim) }),
    },
    bindings: [
      ...(norm?.weighted ? [{ name: 'norm_weight', access: 'read', type: 'array<f32>' } as const] : []),
      ...(rotation ? [{ name: 'rotations', access: 'read', type: 'array<vec2f>' } as const] : []),
    ],
    functions: [...(norm ? [factorOf(norm)] : []), normalised(norm), rotation ? rotated(rotation) : notRotated],
    load: (source) => (norm ? loadAndNorm(source) : loadOnly(source)),
  };
}

const loadOnly = (source: string) => wgsl`
  for (var e = lane; e < HEAD_DIM; e += THREADS) {
    head[e] = ${source};
  }
  workgroupBarrier();`;

const loadAndNorm = (source: string) => wgsl`
  ${loadOnly(source)}
  for (var part = lane; part < HEAD_DIM / GROUP_WIDTH; part += THREADS) {
    factors[part] = factor_of(part);
  }
  workgroupBarrier();`;

/** A head is short: one lane sums a group's squares in order, which also makes the result independent of the lane count. */
function factorOf(norm: HeadNormPlan): string {
  const factor =
    norm.kind === 'rms'
      ? 'inverseSqrt(max(squares / f32(GROUP_WIDTH) + NORM_EPS, TINY))'
      : '1.0 / max(sqrt(squares), max(NORM_EPS, TINY))';
  return wgsl`
    fn factor_of(part: u32) -> f32 {
      var squares = 0.0;
      for (var e = part * GROUP_WIDTH; e < (part + 1u) * GROUP_WIDTH; e++) {
        squares += head[e] * head[e];
      }
      return ${factor};
    }`;
}

function normalised(norm: HeadNormPlan | undefined): string {
  const gamma = norm?.unitOffset ? '(norm_weight[e] + 1.0)' : 'norm_weight[e]';
  const value = norm ? `head[e] * factors[e / GROUP_WIDTH]${norm.weighted ? ` * ${gamma}` : ''}` : 'head[e]';
  return wgsl`
    fn normalised(e: u32) -> f32 {
      return ${value};
    }`;
}

const notRotated = wgsl`
  fn finished(e: u32, position: u32) -> f32 {
    if (e >= HEAD_DIM) {
      return 0.0;
    }
    return normalised(e);
  }`;

function rotated({ pairing }: RotationPlan): string {
  const [pair, first] =
    pairing === 'half' ? ['e % (ROTARY_DIM / 2u)', 'e < ROTARY_DIM / 2u'] : ['e / 2u', 'e % 2u == 0u'];
  const partner = pairing === 'half' ? 'select(pair, pair + ROTARY_DIM / 2u, is_first)' : 'e ^ 1u';
  return wgsl`
    fn finished(e: u32, position: u32) -> f32 {
      if (e >= HEAD_DIM) {
        return 0.0;
      }
      let value = normalised(e);
      if (e >= ROTARY_DIM) {
        return value;
      }
      let pair = ${pair};
      let is_first = ${first};
      let turn = rotations[position * (ROTARY_DIM / 2u) + pair];
      let partner = normalised(${partner});
      return value * turn.x + select(partner, -partner, is_first) * turn.y;
    }`;
}
