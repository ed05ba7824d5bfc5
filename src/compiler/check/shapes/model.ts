import type { Activation } from './mlp.ts';

export interface ModelShape {
  readonly vocab: number;
  readonly hidden: number;
  /** Longest sequence, in tokens. */
  readonly context: number;
  readonly tieEmbeddings: boolean;
  /** Factor on token embeddings. */
  readonly embeddingScale: number;
  /** Width of the token table and of the head where it differs from `hidden`: `embed_in` and `embed_out` lead from one to the other. */
  readonly embeddingWidth?: number;
  /** Norm of the sum of tokens, positions and token types. */
  readonly embeddingNorm?: NormShape;
  /** Rows of the table of token types, of which row 0 is added to every token. */
  readonly tokenTypes?: number;
  /** Added to the embeddings. */
  readonly positions?: LearnedPositions | SinusoidalPositions;
  readonly block: BlockShape;
  /** Norms of every layer, those that its `block` has. */
  readonly layerNorms: LayerNorms;
  /** Absent when the last layer's output goes to the head as it is. */
  readonly finalNorm?: NormShape;
  readonly head: HeadShape;
}

/** scale · table[position + offset], table `[context + offset, hidden]`. */
export interface LearnedPositions {
  readonly kind: 'learned';
  readonly scale: number;
  readonly offset: number;
}

/**
 * scale · (sin, cos) of (position + offset) · 10000^(−2e / hidden) for pair e. `interleaved`: pair e lies at 2e and 2e + 1.
 * `half`: at e and e + hidden / 2. `hidden` is even.
 */
export interface SinusoidalPositions {
  readonly kind: 'sinusoidal';
  readonly scale: number;
  readonly offset: number;
  readonly pairing: 'half' | 'interleaved';
}

export interface BlockShape {
  /** `pre`: x + f(norm(x)). `post`: norm(x + f(x)). `sandwich`: x + outNorm(f(norm(x))). `output`: x + outNorm(f(x)). */
  readonly norms: 'pre' | 'post' | 'sandwich' | 'output';
  /** x + attention(norm(x)) + mlp(norm(x)), with one norm or with `mlp_norm` for the MLP; `pre` only. */
  readonly parallel: 'none' | 'one_norm' | 'two_norms';
  /** Factor on what a part adds to x; 1 with `sandwich` and `output`. */
  readonly residualScale: number;
}

export type HeadShape =
  /** The residual stream is the output. */
  | { readonly kind: 'hidden' }
  | {
      readonly kind: 'logits';
      readonly bias: boolean;
      /** Factor on the logits. */
      readonly scale: number;
      /** c · tanh(x / c) on the scaled logits. */
      readonly softcap?: number;
      /** norm(act(W·x + b)) before the head, W `[embeddingWidth, hidden]`. */
      readonly transform?: { readonly activation: Activation; readonly norm: NormShape };
    };

export interface NormShape {
  readonly kind: 'rms' | 'layer';
  /** Added to the mean square (rms) or the variance (layer). */
  readonly eps: number;
  /** False: γ = 1. */
  readonly weight: boolean;
  /** The stored weight is γ − 1. */
  readonly unitOffset: boolean;
  readonly bias: boolean;
}

/** `attention`, `mlp`: of a part's input; with `post`, of the sum after it. `attentionOut`, `mlpOut`: of a part's output. */
export interface LayerNorms {
  readonly attention?: NormShape;
  readonly attentionOut?: NormShape;
  readonly mlp?: NormShape;
  readonly mlpOut?: NormShape;
}
