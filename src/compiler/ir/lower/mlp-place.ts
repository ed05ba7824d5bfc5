/** Where an MLP stands: it reads x `[B, I, hidden]` and writes out, or adds to it. */
export interface MlpPlace {
  /** Prefix of weight names. */
  readonly at: string;
  readonly hidden: number;
  readonly x: string;
  readonly out: string;
  readonly accumulate: boolean;
  /** Factor on what it makes; 1 when absent. */
  readonly scale?: number;
  readonly layer: number;
}
