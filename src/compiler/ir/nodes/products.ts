import type { Activation, ClampedSwiglu, ExpertGroups, ExpertsShape } from '../../check/shaped-spec.ts';
import type { NodeBase } from './base.ts';

/**
 * y = act(x · Wᵀ + b), with W `[outWidth, inWidth]`. With `gate`, y = act(x · Wgᵀ + bg) · (x · Wᵀ + b); see `ClampedSwiglu` for its form.
 * y is then kept within ±clip, multiplied by `scale`, and becomes c · tanh(y / c) with c = `softcap`, where these are given.
 * With `accumulate`, out += y. With `logits`, out has a row for each row of logits that is asked for.
 * With `inputHeads` n, x is `[B, I, n, inWidth]`, and the outputs are n equal parts, each made from the row of its own head.
 */
export interface LinearNode extends NodeBase {
  readonly op: 'linear';
  readonly x: string;
  readonly inputHeads?: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: string;
  readonly bias?: string;
  readonly gate?: Gate;
  readonly activation?: NodeActivation;
  readonly clip?: number;
  readonly scale?: number;
  readonly softcap?: number;
  readonly accumulate: boolean;
  /** Only the rows whose logits are asked for (the last of each sequence, or all). */
  readonly logits: boolean;
  readonly out: string;
}

/** A clamped one has a gate beside it. */
export type NodeActivation = Activation | 'sigmoid' | ClampedSwiglu;

export interface Gate {
  readonly weight: string;
  readonly bias?: string;
}

/**
 * logits `[B, I, experts]` → chosen u32 `[B, I, active]`, the best expert first and of equal ones the one that comes first, and
 * out `[B, I, active]`, their weights times `scale`. See `ExpertsShape`. `normalized` divides by the sum + 1e-20.
 */
export interface RouteNode extends NodeBase {
  readonly op: 'route';
  readonly logits: string;
  /** f32 `[experts]`. */
  readonly correction?: string;
  readonly experts: number;
  readonly active: number;
  readonly scoring: ExpertsShape['scoring'];
  readonly normalized: boolean;
  readonly scale: number;
  readonly groups?: ExpertGroups;
  readonly chosen: string;
  readonly out: string;
}

/** Products with the matrices of the chosen experts of each token. */
interface ExpertsNode extends NodeBase {
  readonly x: string;
  readonly chosen: string;
  readonly experts: number;
  readonly active: number;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly weight: string;
  readonly bias?: string;
  readonly out: string;
}

/** x `[B, I, inWidth]` → out `[B, I, active, outWidth]`: what `linear` makes of x with the matrices of each chosen expert, W `[experts, outWidth, inWidth]`. */
export interface ExpertsUpNode extends ExpertsNode {
  readonly op: 'experts_up';
  readonly gate?: Gate;
  readonly activation: NodeActivation;
}

/** x `[B, I, active, inWidth]` → y `[B, I, outWidth]`: scale · Σ shares[s] · (x[s] · Wᵀ + b) over the slots, with the matrix of the expert in each. */
export interface ExpertsDownNode extends ExpertsNode {
  readonly op: 'experts_down';
  readonly shares: string;
  readonly scale?: number;
  /** out += y. */
  readonly accumulate: boolean;
}
