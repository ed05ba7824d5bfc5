import type { HeadNormShape } from '../../../check/shaped-spec.ts';
import type { RotationPlan } from '../../../plan/heads/kernel-plan.ts';
import { type Binding, buffer, type Constant, f32c, floats, u32c } from '../../kernel.ts';
import { f32, wgsl } from '../../wgsl.ts';

/** One head held by a workgroup in `head`: norms, then rotation. Used for queries, keys and memory keys alike, so that they cannot differ. */
export interface HeadParts {
  readonly constants: Readonly<Record<string, Constant>>;
  /** Weights of the norms, and `rotations`, where there are any. */
  readonly bindings: readonly Binding[];
  /** Last comes `fn finished(e: u32, position: u32, head_index: u32) -> f32`: entry e, normalised and rotated; zero beyond the head's end. */
  readonly functions: readonly string[];
  /** Statements that fill `head` from `source` (an expression in e) and normalise it; uses `lane`, and the number of the head. */
  readonly load: (source: string) => string;
}

export interface HeadOptions {
  readonly headDim: number;
  readonly threads: number;
  readonly norms: readonly HeadNormShape[];
  readonly rotation?: RotationPlan | undefined;
}

/** Names of what differs between heads of two kinds in one kernel. */
interface HeadNames {
  /** What the bindings of norms begin with. */
  readonly norms: '' | 'query_';
  /** The number of the head. */
  readonly index: 'head_index' | 'query_head';
}

const plainNames: HeadNames = { norms: '', index: 'head_index' };

/** Of query heads, where keys have the plain names. */
export const queryNames: HeadNames = { norms: 'query_', index: 'query_head' };

/** Binding of the weight of the norm at `index`. */
const normWeight = ({ norms }: HeadNames, index: number): string =>
  `${norms}${index === 0 ? 'norm_weight' : `norm_weight_${index + 1}`}`;

export function headParts({ headDim, threads, norms, rotation }: HeadOptions, names = plainNames): HeadParts {
  const weights = norms.flatMap((norm, index) => [
    ...(norm.weight === 'none' ? [] : [normWeight(names, index)]),
    ...(norm.bias ? [`${names.norms}norm_bias`] : []),
  ]);
  return {
    constants: {
      HEAD_DIM: u32c(headDim),
      THREADS: u32c(threads),
      ...(norms.length > 0 && { TINY: f32c(1e-30) }),
      ...(rotation && { ROTARY_DIM: u32c(rotation.dim) }),
      ...(rotation && rotation.firstEntry > 0 && { FIRST_ENTRY: u32c(rotation.firstEntry) }),
    },
    bindings: [...weights.map((name) => floats(name)), ...(rotation ? [buffer('rotations', 'vec2f')] : [])],
    functions: [
      ...norms.map((norm, index) => statistics(norm, index, headDim)),
      rotation ? rotated(rotation) : notRotated,
    ],
    load: (source) =>
      [loadHead(source), ...norms.map((norm, index) => applyNorm(norm, index, headDim, names))].join('\n'),
  };
}

const loadHead = (source: string) => wgsl`
  for (var e = lane; e < HEAD_DIM; e += THREADS) {
    head[e] = ${source};
  }
  workgroupBarrier();`;

/** Each entry is rewritten by the lane that owns it, once the statistics of its group are known to all. */
function applyNorm(norm: HeadNormShape, index: number, headDim: number, names: HeadNames): string {
  const width = headDim / norm.groups;
  const entry = norm.weight === 'per_head' ? `${names.index} * HEAD_DIM + e` : 'e';
  const weight = `${normWeight(names, index)}[${entry}]`;
  const gamma = norm.weight === 'none' ? '' : norm.unitOffset ? ` * (${weight} + 1.0)` : ` * ${weight}`;
  const beta = norm.bias ? ` + ${names.norms}norm_bias[${entry}]` : '';
  const group = norm.groups === 1 ? '0' : `e / ${width}u`;
  const centred = norm.kind === 'layer' ? `(head[e] - statistics[${group}].x)` : 'head[e]';
  return wgsl`
    ${norm.groups === 1 ? oneGroup(index) : groups(index, norm.groups)}
    workgroupBarrier();
    for (var e = lane; e < HEAD_DIM; e += THREADS) {
      head[e] = ${centred} * statistics[${group}].y${gamma}${beta};
    }
    workgroupBarrier();`;
}

const oneGroup = (index: number) => wgsl`
  if (lane == 0u) {
    statistics[0] = statistics_${index + 1}(0u);
  }`;

const groups = (index: number, count: number) => wgsl`
  for (var part = lane; part < ${count}u; part += THREADS) {
    statistics[part] = statistics_${index + 1}(part);
  }`;

/** (mean, factor) of a group. A head is short: one lane sums a group in order, so the result does not depend on the lane count. */
function statistics(norm: HeadNormShape, index: number, headDim: number): string {
  const width = headDim / norm.groups;
  const eps = Math.max(norm.eps, 0);
  const factor =
    norm.kind === 'l2'
      ? `1.0 / max(sqrt(squares), max(${f32(eps)}, TINY))`
      : `inverseSqrt(max(squares / ${width}.0 + ${f32(eps)}, TINY))`;
  const [mean, entry] = norm.kind === 'layer' ? ['mean', 'head[e] - mean'] : ['0.0', 'head[e]'];
  return wgsl`
    /** ${norm.kind === 'layer' ? 'The mean and the factor' : '0 and the factor'} of a norm over ${width} entries. */
    fn statistics_${index + 1}(part: u32) -> vec2f {
      let first = part * ${width}u;
      ${norm.kind === 'layer' ? meanOf(width) : ''}
      var squares = 0.0;
      for (var e = first; e < first + ${width}u; e++) {
        let entry = ${entry};
        squares += entry * entry;
      }
      return vec2f(${mean}, ${factor});
    }`;
}

const meanOf = (width: number) => wgsl`
  var total = 0.0;
  for (var e = first; e < first + ${width}u; e++) {
    total += head[e];
  }
  let mean = total / ${width}.0;`;

const notRotated = wgsl`
  fn finished(e: u32, position: u32, head_index: u32) -> f32 {
    if (e >= HEAD_DIM) {
      return 0.0;
    }
    return head[e];
  }`;

function rotated({ pairing, firstHead, firstEntry }: RotationPlan): string {
  const own = firstEntry === 0 ? 'e' : '(e - FIRST_ENTRY)';
  const from = firstEntry === 0 ? '' : 'FIRST_ENTRY + ';
  const [pair, first] =
    pairing === 'half'
      ? [`${own} % (ROTARY_DIM / 2u)`, `${own} < ROTARY_DIM / 2u`]
      : [`${own} / 2u`, `${own} % 2u == 0u`];
  const partner = pairing === 'half' ? 'select(pair, pair + ROTARY_DIM / 2u, is_first)' : `(${own} ^ 1u)`;
  const unturned = [
    firstEntry === 0 ? 'e >= ROTARY_DIM' : 'e < FIRST_ENTRY || e >= FIRST_ENTRY + ROTARY_DIM',
    ...(firstHead > 0 ? [`head_index < ${firstHead}u`] : []),
  ];
  return wgsl`
    /** Entry e of the head, turned by its position; zero beyond the end. */
    fn finished(e: u32, position: u32, head_index: u32) -> f32 {
      if (e >= HEAD_DIM) {
        return 0.0;
      }
      if (${unturned.join(' || ')}) {
        return head[e];
      }
      let pair = ${pair};
      let is_first = ${first};
      let turn = rotations[position * (ROTARY_DIM / 2u) + pair];
      let partner = head[${from}${firstEntry === 0 && pairing === 'interleaved' ? 'e ^ 1u' : partner}];
      return head[e] * turn.x + select(partner, -partner, is_first) * turn.y;
    }`;
}
