import { type Dim, dim, equals } from '../../check/dims.ts';
import type {
  CacheLayout,
  HeadNumbers,
  HookName,
  RopeShape,
  ShapedSpec,
  WeightShape,
} from '../../check/shaped-spec.ts';
import { partOfHeads, shapeOfPart } from '../head-class.ts';
import type { AttnModule, Node, TensorDecl } from '../nodes.ts';

/** Extents that are known per call: B sequences, I new tokens, J keys, C capacity, L rows of logits, X rows of a context. */
export const B = dim('B');
export const I = dim('I');
export const J = dim('J');
export const C = dim('C');
export const L = dim('L');
export const X = dim('X');

/** Axes of rows: the new tokens, or those of a context. */
export const rowAxes = (rows: 'context' | undefined): readonly Dim[] => [B, rows === 'context' ? X : I];

export const inLayer = (layer: number | undefined) => (layer === undefined ? {} : { layer });

/** The tensor of an activation that is returned; `at` is the prefix of its layer. */
export const hookTensor = (at: string, hook: HookName) => `${at}hooks.${hook}`;

/** Prefix of what a class of heads has for itself, within the prefix of its layer. */
export const classPrefix = (at: string, index: number) => `${at}heads_${index}.`;
export const withoutClass = (name: string) => name.replace(/\bheads_\d+\./, '');

/** Collects the nodes of a module, and declares the tensors that they name. */
export class ModuleBuilder {
  readonly #shaped: ShapedSpec;
  readonly #weights: ReadonlyMap<string, WeightShape>;
  readonly #tensors = new Map<string, TensorDecl>();
  readonly #nodes: Node[] = [];
  /** Names of tables by what they are computed from. */
  readonly #ropeTables = new Map<string, string>();
  #heads: HeadNumbers | undefined;

  constructor(shaped: ShapedSpec) {
    this.#shaped = shaped;
    this.#weights = new Map(shaped.weights.map((weight) => [weight.name, weight]));
  }

  declare(
    name: string,
    role: TensorDecl['role'],
    dtype: TensorDecl['dtype'],
    shape: readonly Dim[],
    layout?: CacheLayout,
  ): string {
    const same = (other: TensorDecl) =>
      other.shape.length === shape.length && other.shape.every((extent, axis) => equals(extent, shape[axis] ?? 0));
    // Layers share scratch of one shape; where shapes differ from layer to layer, each has a tensor of its own.
    for (let n = 1; ; n++) {
      const own = n === 1 ? name : `${name}_${n}`;
      const known = this.#tensors.get(own);
      if (known === undefined) this.#tensors.set(own, { name: own, role, dtype, shape, ...(layout && { layout }) });
      if (known === undefined || same(known)) return own;
    }
  }

  /** Declares the table of a rotation; rotations of the same frequencies share one. */
  ropeTable({ dim: width, base, scaling }: RopeShape): string {
    const key = JSON.stringify([width, base, scaling]);
    const known = this.#ropeTables.get(key);
    if (known !== undefined) return known;
    const plain = `rope_${width}_${base}${scaling === undefined ? '' : `_${scaling.kind}`}`;
    const taken = new Set(this.#ropeTables.values());
    let name = plain;
    for (let n = 2; taken.has(name); n++) name = `${plain}_${n}`;
    this.#ropeTables.set(key, name);
    return this.declare(name, 'table', 'f32', [C, dim(width / 2), dim(2)]);
  }

  /** Some layer mixes in the first layer's values. */
  hasValueResidual(): boolean {
    return this.#shaped.layers.slice(1).some(({ attention }) => attention.valueResidual !== undefined);
  }

  /** The tensor with the first layer's values. */
  firstValues(): string {
    return this.#shaped.layers[0]?.attention.hooks.includes('v') ? hookTensor('layers.0.', 'v') : 'v_first';
  }

  widthOf(name: string): number {
    return this.#weights.get(name)?.shape.at(-1) ?? 0;
  }

  /** What `work` takes of weights that are made of heads is the part of these. */
  ofHeads(numbers: HeadNumbers, work: () => void): void {
    this.#heads = numbers;
    work();
    this.#heads = undefined;
  }

  weight(name: string): string {
    const canonical = withoutClass(name);
    const weight = this.#weights.get(canonical);
    if (weight === undefined) throw new Error(`the weight table has no ${canonical}`);
    const part = this.#heads && partOfHeads(weight, this.#heads);
    const own = part === undefined ? canonical : name;
    const dtype = weight.quantization?.dtype ?? (weight.role === 'matrix' ? this.#shaped.weightDtype : 'f32');
    if (!this.#tensors.has(own)) {
      const shape = shapeOfPart(weight.shape, part).map((n) => dim(n));
      this.#tensors.set(own, { name: own, role: 'weight', dtype, shape, weight, ...(part && { part }) });
    }
    return own;
  }

  add(node: Node): void {
    this.#nodes.push(Object.freeze(node));
  }

  finish(): AttnModule {
    const { name, model } = this.#shaped;
    return Object.freeze({
      name,
      kind: model === undefined ? 'attention' : 'model',
      tensors: this.#tensors,
      // Not frozen: of a frozen array V8 makes slices one element at a time, and the planner's fusions make one for each layer.
      nodes: this.#nodes,
    });
  }
}
