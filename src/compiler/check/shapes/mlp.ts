export interface MlpShape {
  /** `gated`: down(act(gate(x)) · up(x)). `plain`: down(act(up(x))). */
  readonly kind: 'gated' | 'plain';
  readonly activation: Activation | ClampedSwiglu;
  readonly width: number;
  readonly biases: { readonly up: boolean; readonly gate: boolean; readonly down: boolean };
  /** In place of the one MLP. `width` and `biases` are then not used. */
  readonly experts?: ExpertsShape;
}

/** In place of act(gate) · up: (u + 1) · g · σ(alpha · g), g = min(gate, limit), u = up within ±limit. */
export interface ClampedSwiglu {
  readonly kind: 'clamped_swiglu';
  readonly limit: number;
  readonly alpha: number;
}

/**
 * Σ w_e · mlp_e(x) over the `active` experts whose scores are the largest. Scores are those of router(x), by `scoring`; with
 * `topk_softmax` the choice is by the logits. The weights w are the scores of the chosen experts: over their sum when
 * `normalized`, times `routedScale`.
 */
export interface ExpertsShape {
  readonly count: number;
  readonly active: number;
  readonly width: number;
  readonly scoring: 'softmax' | 'sigmoid' | 'topk_softmax';
  readonly normalized: boolean;
  readonly routedScale: number;
  readonly routerBias: boolean;
  /** A vector `[count]` that is added to the scores for the choice only. */
  readonly correctionBias: boolean;
  readonly groups?: ExpertGroups;
  readonly biases: MlpShape['biases'];
  /** An MLP without biases beside the experts; with `gate`, its output is multiplied by σ(x·w). */
  readonly shared?: { readonly width: number; readonly gate: boolean };
}

/** Only the `active` groups with the largest sums of their `top` best scores take part in the choice; other scores are 0. */
export interface ExpertGroups {
  readonly count: number;
  readonly active: number;
  readonly top: number;
}

export type Activation = 'silu' | 'gelu' | 'gelu_tanh' | 'quick_gelu' | 'relu' | 'relu2';
