export interface NodeBase {
  /** Index of the layer that the node belongs to. */
  readonly layer?: number;
  /** `context`: the rows are those of a cross-attention's context, `[B, X]`, and its caches hold X of C rows. Default: the new tokens. */
  readonly rows?: 'context';
}
