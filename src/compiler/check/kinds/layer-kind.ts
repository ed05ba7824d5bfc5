import type { Span } from '../../source/source.ts';
import type { BoundSpec } from '../bind.ts';

/** Layers that are alike, and what the spec says of them. */
export interface LayerKind {
  /** Of `layers.kinds`; absent when all layers are alike. */
  readonly named?: { readonly name: string; readonly keySpan: Span; readonly span: Span };
  /** The spec with the changes of the kind. */
  readonly spec: BoundSpec;
  /** Ascending. */
  readonly layers: readonly number[];
  /** It is one of several attentions, and becomes a module of its own. */
  readonly isModule?: true;
}
