import type { ShapedSpec, WeightShape } from '../../check/shaped-spec.ts';
import type { GraphBuilder } from './graph.ts';

/** A tensor of a checkpoint that lies beside the graph. */
export interface StoredTensor {
  /** Name of the file. */
  readonly file: string;
  /** As safetensors spells it: `F32`, `F16`, `BF16`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes, from the start of the file. */
  readonly start: number;
  readonly end: number;
}

const types = { F32: 'f32', F16: 'f16', BF16: 'bf16' } as const;

export interface Weights {
  readonly has: (name: string) => boolean;
  /** The weight in f32, with its own shape. */
  readonly vector: (name: string) => string;
  /** A matrix as `MatMul` takes it: `[in, out]`. */
  readonly factor: (name: string) => string;
}

/** Weights stay in their checkpoint, which the graph refers to; they are read as f32. */
export function weightsOf(
  graph: GraphBuilder,
  shaped: ShapedSpec,
  tensors: ReadonlyMap<string, StoredTensor>,
): Weights {
  const byName = new Map(shaped.weights.map((weight) => [weight.name, weight]));
  const known = new Map<string, string>();
  const once = (key: string, make: () => string): string => {
    const made = known.get(key) ?? make();
    known.set(key, made);
    return made;
  };
  const stored = (name: string) => {
    const weight = byName.get(name);
    if (weight === undefined) throw new Error(`the spec has no weight ${name}`);
    return { weight, value: once(name, () => read(graph, weight, tensors)) };
  };
  const turned = (value: string) => graph.node('Transpose', [value], { attributes: { perm: [1, 0] } });
  return {
    has: (name) => byName.has(name),
    vector(name) {
      const { weight, value } = stored(name);
      return weight.source.transposed ? once(`${name} turned`, () => turned(value)) : value;
    },
    factor(name) {
      const { weight, value } = stored(name);
      return weight.source.transposed ? value : once(`${name} turned`, () => turned(value));
    },
  };
}

/** As it is stored, but for its precision. */
function read(
  graph: GraphBuilder,
  { name, shape, source }: WeightShape,
  tensors: ReadonlyMap<string, StoredTensor>,
): string {
  const tensor = tensors.get(source.tensor);
  const type = types[tensor?.dtype as keyof typeof types];
  if (tensor === undefined || type === undefined) throw new Error(`${source.tensor} was checked against the spec`);
  const ownShape = source.transposed ? [...shape].reverse() : shape;
  const rowBytes = (tensor.end - tensor.start) / (tensor.shape[0] ?? 1);
  const [first, last] = source.rows ?? [0, tensor.shape[0] ?? 1];
  const place = { file: tensor.file, offset: tensor.start + first * rowBytes, bytes: (last - first) * rowBytes };
  const value = graph.external(name, type, ownShape, place);
  return type === 'f32' ? value : graph.node('Cast', [value], { attributes: { to: 1 } });
}
