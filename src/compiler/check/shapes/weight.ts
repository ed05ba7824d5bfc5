/**
 * One weight. Matrices are `[out, in]`. Canonical names, with the layer's index for `{i}`:
 * `embed.weight` `[vocab, width]`, width the embedding's · `embed_in.weight` `[hidden, width]` · `positions.weight` `[context + offset, hidden]` ·
 * `token_types.weight` `[types, hidden]` · `embed_norm.weight|bias` `[hidden]` ·
 * `layers.{i}.attn_norm|attn_out_norm.weight|bias` `[hidden]` ·
 * `layers.{i}.attn.q|k|v|o|o_gate.weight|bias` · with `latent` `…attn.q_a|q_b|kv_a|kv_b.weight`, `…attn.q_a|kv_a.bias` and `…attn.q_a_norm|kv_a_norm.weight` · `layers.{i}.attn.q_norm|k_norm|v_norm.weight|bias` (see HeadNormShape; a second norm of
 * the list is `q_norm2|k_norm2`) · `layers.{i}.attn.memory_k` `[K, M, D]` · `…attn.sinks` `[H]` · `…attn.t5.weight` `[buckets, H]` · `…attn.parameters.NAME` (see ParameterShape; `[1]` for a single number) ·
 * `…attn.mix_pre|mix_post|mix_pre_scale_post.weight` `[H, H]` · `…attn.head_scale` `[H]` · `…attn.head_gate.weight|bias` · `…attn.value_gate.weight` ·
 * `…attn.value_residual.weight|bias` ·
 * `layers.{i}.attn.memory_v` `[K, M, Dv]` · `layers.{i}.mlp_norm|mlp_out_norm.weight|bias` · `layers.{i}.mlp.up|gate|down.weight|bias` ·
 * `layers.{i}.mlp.router.weight|bias` `[experts, hidden]` · `layers.{i}.mlp.correction_bias` `[experts]` ·
 * `layers.{i}.mlp.experts.up|gate|down.weight|bias` `[experts, out, in]` · `layers.{i}.mlp.shared.up|gate|down.weight` ·
 * `layers.{i}.mlp.shared_gate.weight` `[1, hidden]` ·
 * `final_norm.weight|bias` · `embed_out.weight` `[width, hidden]` · `head_transform.weight|bias` `[width, hidden]` · `head_norm.weight|bias` `[width]` ·
 * `head.weight` `[vocab, width]` (not when embeddings are tied) · `head.bias` `[vocab]`.
 * For attention alone the prefix `layers.{i}.` is dropped.
 */
export interface WeightShape {
  readonly name: string;
  readonly shape: readonly number[];
  /** Matrices (`embed`, `positions`, projections, MLP, head) take `weightDtype`; vectors and memory are always f32 on the device. */
  readonly role: 'matrix' | 'vector' | 'memory';
  /** For each axis, the path of the option that its extent is most directly set by. */
  readonly setBy: readonly string[];
  readonly source: WeightSource;
  /** Present on matrices that are stored as integers. */
  readonly quantization?: Quantization;
}

/**
 * `group` entries of a row share a scale s, an f16, and each entry x is an integer q from −2^(bits − 1) to 2^(bits − 1) − 1, read as
 * q · s. s is m / −2^(bits − 1) rounded towards zero, m the first entry of largest magnitude: it becomes the lowest integer, so that all
 * are used, and quantising once more changes nothing. q is floor(x / s + 1/2) kept in its range, and 0 where s is 0.
 */
export interface Quantization {
  readonly dtype: 'int8' | 'int4';
  /** Divides the last axis. */
  readonly group: number;
}

/** Where a weight lies in the checkpoint: a tensor, or a part of it. */
export interface WeightSource {
  readonly tensor: string;
  /** The tensor's last two axes are exchanged first: a matrix is stored `[in, out]`. */
  readonly transposed?: true;
  /** Range of the first axis. */
  readonly rows?: readonly [start: number, end: number];
  /** In place of `rows`. */
  readonly blocks?: WeightBlocks;
  /** `{e}` in the name counts so many tensors: each has an entry of the weight's first axis, and the part is that of each. */
  readonly stack?: number;
}

/**
 * The tensor is `count` blocks of `stride` rows, of each of which the `size` rows from `from` on are read. Rows are those of the
 * last axis, all axes before it taken together; for vectors they are single entries.
 */
export interface WeightBlocks {
  readonly count: number;
  readonly from: number;
  readonly size: number;
  readonly stride: number;
}
