import type { PreparedCase } from './prepare.ts';

/** Something that computes what a case asks for. */
export interface Backend {
  /** One line about what runs the cases, such as the adapter. */
  readonly description: string;
  run(prepared: PreparedCase): Promise<CaseOutputs>;
  close(): Promise<void>;
}

export interface CaseOutputs {
  /** In the layout and order of `PreparedCase.expected`. */
  readonly output: Float32Array | Float64Array;
  /** As `PreparedCase.greedy`, when the case has it. */
  readonly greedy?: readonly number[];
}
