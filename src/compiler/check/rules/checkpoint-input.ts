import type { BoundSpec } from '../bind.ts';
import type { AttentionShape, WeightShape } from '../shaped-spec.ts';
import type { CheckpointHeader, CheckpointTensor } from '../weights/checkpoint.ts';
import type { SourcedTemplate } from '../weights/sources.ts';
import type { ResolvedHeads } from './heads.ts';

/** What the rules that compare a checkpoint with a spec are given. */
export interface CheckpointInput {
  readonly spec: BoundSpec;
  readonly heads: ResolvedHeads;
  readonly attention: AttentionShape;
  readonly sourced: readonly SourcedTemplate[];
  readonly checkpoint: CheckpointHeader;
}

/** A weight, or the part of it that lies in one tensor, and the shape that it would have with what is read from there. */
export interface Found {
  readonly weight: WeightShape;
  readonly tensor: CheckpointTensor;
  readonly shape: readonly number[];
}
