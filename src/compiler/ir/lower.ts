import { type Dim, dim } from '../check/dims.ts';
import type {
  AttentionShape,
  LayerShape,
  MlpShape,
  ModelShape,
  NormShape,
  ShapedSpec,
  WeightShape,
} from '../check/shaped-spec.ts';
import type { AttnModule, HeadNorm, Node, Rotation, TensorDecl } from './nodes.ts';

const B = dim('B');
const I = dim('I');
const J = dim('J');
const C = dim('C');
const L = dim('L');

/** In: a checked spec. Out: the straight list of nodes that computes it, with every tensor declared. Cannot fail. */
export function lower(shaped: ShapedSpec): AttnModule {
  const builder = new ModuleBuilder(shaped);
  if (shaped.model !== undefined) lowerModel(builder, shaped.model, shaped.layers);
  else for (const layer of shaped.layers) lowerAttentionAlone(builder, layer.attention);
  return builder.finish();
}

function lowerModel(builder: ModuleBuilder, model: ModelShape, layers: readonly LayerShape[]): void {
  const stream = [B, I, dim(model.hidden)];
  builder.add({
    op: 'embed',
    hidden: model.hidden,
    ids: builder.declare('ids', 'input', 'u32', [B, I]),
    table: builder.weight('embed.weight'),
    scale: model.embeddingScale,
    ...(model.learnedPositions && {
      positions: { table: builder.weight('positions.weight'), scale: model.learnedPositions.scale },
    }),
    out: builder.declare('x', 'activation', 'f32', stream),
  });
  for (const [index, layer] of layers.entries()) lowerLayer(builder, index, layer, model.hidden);
  lowerNorm(builder, model.finalNorm, 'final_norm', 'x', builder.declare('normed', 'activation', 'f32', stream));
  builder.add({
    op: 'linear',
    x: 'normed',
    inWidth: model.hidden,
    outWidth: model.vocab,
    weight: builder.weight(model.tieEmbeddings ? 'embed.weight' : 'head.weight'),
    accumulate: false,
    rows: 'logits',
    out: builder.declare('logits', 'output', 'f32', [L, dim(model.vocab)]),
  });
}

function lowerLayer(builder: ModuleBuilder, index: number, layer: LayerShape, hidden: number): void {
  const at = `layers.${index}.`;
  const normed = builder.declare('normed', 'activation', 'f32', [B, I, dim(hidden)]);
  if (layer.attentionNorm) lowerNorm(builder, layer.attentionNorm, `${at}attn_norm`, 'x', normed, index);
  lowerProjectedAttention(builder, layer.attention, { at, x: normed, out: 'x', accumulate: true, layer: index });
  if (layer.mlpNorm) lowerNorm(builder, layer.mlpNorm, `${at}mlp_norm`, 'x', normed, index);
  if (layer.mlp) lowerMlp(builder, layer.mlp, `${at}mlp.`, hidden, index);
}

function lowerNorm(b: ModuleBuilder, norm: NormShape, at: string, x: string, out: string, layer?: number): void {
  b.add({
    op: 'norm',
    width: b.widthOf(`${at}.weight`),
    kind: norm.kind,
    eps: norm.eps,
    unitOffset: norm.unitOffset,
    x,
    weight: b.weight(`${at}.weight`),
    ...(norm.bias && { bias: b.weight(`${at}.bias`) }),
    out,
    ...inLayer(layer),
  });
}

function lowerMlp(builder: ModuleBuilder, mlp: MlpShape, at: string, hidden: number, layer: number): void {
  const biasOf = (name: 'up' | 'gate' | 'down') =>
    mlp.biases[name] ? { bias: builder.weight(`${at}${name}.bias`) } : {};
  builder.add({
    op: 'linear',
    x: 'normed',
    inWidth: hidden,
    outWidth: mlp.width,
    weight: builder.weight(`${at}up.weight`),
    ...biasOf('up'),
    ...(mlp.kind === 'gated' && { gate: { weight: builder.weight(`${at}gate.weight`), ...biasOf('gate') } }),
    activation: mlp.activation,
    accumulate: false,
    rows: 'all',
    out: builder.declare('mlp_hidden', 'activation', 'f32', [B, I, dim(mlp.width)]),
    layer,
  });
  builder.add({
    op: 'linear',
    x: 'mlp_hidden',
    inWidth: mlp.width,
    outWidth: hidden,
    weight: builder.weight(`${at}down.weight`),
    ...biasOf('down'),
    accumulate: true,
    rows: 'all',
    out: 'x',
    layer,
  });
}

interface Place {
  /** Prefix of weight names. */
  readonly at: string;
  readonly x: string;
  readonly out: string;
  readonly accumulate: boolean;
  readonly layer?: number;
}

function lowerAttentionAlone(builder: ModuleBuilder, attention: AttentionShape): void {
  if (attention.inputs === 'heads') lowerGivenHeads(builder, attention);
  else {
    const shape = [B, I, dim(attention.hidden ?? 0)];
    const x = builder.declare('hidden_in', 'input', 'f32', shape);
    const out = builder.declare('out', 'output', 'f32', shape);
    lowerProjectedAttention(builder, attention, { at: '', x, out, accumulate: false });
  }
}

function lowerProjectedAttention(builder: ModuleBuilder, attention: AttentionShape, place: Place): void {
  const { heads, headDim, valueDim, cacheDtype } = attention;
  const { at, x } = place;
  const layer = inLayer(place.layer);
  const hidden = attention.hidden ?? 0;
  const project = (name: 'q' | 'k' | 'v', width: number) => {
    const out = builder.declare(`${name}_proj`, 'activation', 'f32', [B, I, dim(width)]);
    const bias = attention.biases[name] ? { bias: builder.weight(`${at}attn.${name}.bias`) } : {};
    const weight = builder.weight(`${at}attn.${name}.weight`);
    builder.add({
      op: 'linear',
      x,
      inWidth: hidden,
      outWidth: width,
      weight,
      ...bias,
      accumulate: false,
      rows: 'all',
      out,
      ...layer,
    });
    return out;
  };
  const qProj = project('q', heads.qHeads * headDim);
  const kProj = project('k', heads.kvHeads * headDim);
  const vProj = project('v', heads.kvHeads * valueDim);

  const rotation = rotationOf(builder, attention);
  const q = builder.declare('q', 'activation', 'f32', [B, I, dim(heads.qHeads), dim(headDim)]);
  const qNorm = headNormOf(builder, attention, `${at}attn.q_norm.weight`);
  builder.add({
    op: 'query_heads',
    x: qProj,
    heads: heads.qHeads,
    headDim,
    ...(qNorm && { norm: qNorm }),
    ...rotation,
    out: q,
    ...layer,
  });

  const kNorm = headNormOf(builder, attention, `${at}attn.k_norm.weight`);
  const cache = (name: 'k' | 'v', width: number) =>
    builder.declare(`${at}cache.${name}`, 'cache', cacheDtype, [B, dim(heads.kvHeads), C, dim(width)]);
  const kCache = cache('k', headDim);
  const vCache = cache('v', valueDim);
  const norm = kNorm && { norm: kNorm };
  builder.add({
    op: 'append',
    k: kProj,
    v: vProj,
    kvHeads: heads.kvHeads,
    headDim,
    valueDim,
    ...norm,
    ...rotation,
    kCache,
    vCache,
    cacheDtype,
    ...layer,
  });

  const memory = memoryOf(builder, attention, at, kNorm, place.layer);
  const z = builder.declare('z', 'activation', 'f32', [B, I, dim(heads.qHeads), dim(valueDim)]);
  builder.add({
    op: 'attention',
    q,
    k: kCache,
    v: vCache,
    keyLayout: 'heads-first',
    keyDtype: cacheDtype,
    ...memory,
    ...maskAndHeads(attention),
    out: z,
    ...layer,
  });
  builder.add({
    op: 'linear',
    x: z,
    inWidth: heads.qHeads * valueDim,
    outWidth: hidden,
    weight: builder.weight(`${at}attn.o.weight`),
    ...(attention.biases.o && { bias: builder.weight(`${at}attn.o.bias`) }),
    accumulate: place.accumulate,
    rows: 'all',
    out: place.out,
    ...layer,
  });
}

/** The checker refuses norms and rotation on heads that the app gives: they are part of what makes the heads. */
function lowerGivenHeads(builder: ModuleBuilder, attention: AttentionShape): void {
  const { heads, headDim, valueDim, cacheDtype } = attention;
  const q = builder.declare('q', 'input', 'f32', [B, I, dim(heads.qHeads), dim(headDim)]);
  const k = builder.declare('k', 'input', cacheDtype, [B, J, dim(heads.kvHeads), dim(headDim)]);
  const v = builder.declare('v', 'input', cacheDtype, [B, J, dim(heads.kvHeads), dim(valueDim)]);
  const memory = memoryOf(builder, attention, '', undefined);
  const out = builder.declare('out', 'output', 'f32', [B, I, dim(heads.qHeads), dim(valueDim)]);
  builder.add({
    op: 'attention',
    q,
    k,
    v,
    keyLayout: 'tokens-first',
    keyDtype: cacheDtype,
    ...memory,
    ...maskAndHeads(attention),
    out,
  });
}

function maskAndHeads(attention: AttentionShape) {
  const { heads, headDim, valueDim, scale, causal, columns } = attention;
  return { heads, headDim, valueDim, scale, causal, columns };
}

function memoryOf(
  b: ModuleBuilder,
  attention: AttentionShape,
  at: string,
  kNorm: HeadNorm | undefined,
  layer?: number,
) {
  const slots = attention.columns.memory;
  if (slots === 0) return {};
  const memory = b.weight(`${at}attn.memory_k`);
  const v = b.weight(`${at}attn.memory_v`);
  if (!attention.memoryNormalized || kNorm === undefined) return { memory: { k: memory, v } };
  const { headDim } = attention;
  const { kvHeads } = attention.heads;
  const k = b.declare(`${at}memory_k_normed`, 'prepared', 'f32', [dim(kvHeads), dim(slots), dim(headDim)]);
  b.add({ op: 'memory_keys', memory, kvHeads, slots, headDim, norm: kNorm, out: k, ...inLayer(layer) });
  return { memory: { k, v } };
}

function headNormOf(builder: ModuleBuilder, attention: AttentionShape, weight: string): HeadNorm | undefined {
  const norm = attention.qkNorm;
  if (norm === undefined) return undefined;
  const { kind, eps, groups, unitOffset } = norm;
  return { kind, eps, groups, unitOffset, ...(kind === 'rms' && { weight: builder.weight(weight) }) };
}

function rotationOf(builder: ModuleBuilder, attention: AttentionShape): { readonly rotation?: Rotation } {
  if (attention.rope === undefined) return {};
  const { dim: width, base, pairing } = attention.rope;
  const table = builder.declare(`rope_${width}_${base}`, 'table', 'f32', [C, dim(width / 2), dim(2)]);
  return { rotation: { dim: width, base, pairing, table } };
}

const inLayer = (layer: number | undefined) => (layer === undefined ? {} : { layer });

class ModuleBuilder {
  readonly #shaped: ShapedSpec;
  readonly #weights: ReadonlyMap<string, WeightShape>;
  readonly #tensors = new Map<string, TensorDecl>();
  readonly #nodes: Node[] = [];

  constructor(shaped: ShapedSpec) {
    this.#shaped = shaped;
    this.#weights = new Map(shaped.weights.map((weight) => [weight.name, weight]));
  }

  declare(name: string, role: TensorDecl['role'], dtype: TensorDecl['dtype'], shape: readonly Dim[]): string {
    if (!this.#tensors.has(name)) this.#tensors.set(name, { name, role, dtype, shape });
    return name;
  }

  widthOf(name: string): number {
    return this.#weights.get(name)?.shape.at(-1) ?? 0;
  }

  weight(name: string): string {
    const weight = this.#weights.get(name);
    if (weight === undefined) throw new Error(`the weight table has no ${name}`);
    const dtype = weight.role === 'matrix' ? this.#shaped.weightDtype : 'f32';
    if (!this.#tensors.has(name)) {
      this.#tensors.set(name, { name, role: 'weight', dtype, shape: weight.shape.map((n) => dim(n)), weight });
    }
    return name;
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
      nodes: Object.freeze(this.#nodes),
    });
  }
}
