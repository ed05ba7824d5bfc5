import type { Sources } from './inputs.ts';

/** Where an attention block stands. */
export interface AttentionPlace {
  /** Prefix of weight names. */
  readonly at: string;
  /** Gates are made from what queries are made from. */
  readonly sources: Sources;
  readonly out: string;
  readonly accumulate: boolean;
  /** Factor on what it makes; 1 when absent. */
  readonly scale?: number;
  readonly layer?: number;
  /** Whose values later layers mix in: this layer's own are kept when it is `keep`. */
  readonly firstValues?: 'keep' | 'mix';
}
