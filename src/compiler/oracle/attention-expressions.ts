import { type Environment, evaluate } from '../expression/evaluate.ts';
import type { BuiltinName, Expression } from '../expression/tree.ts';
import type { AttentionNode } from '../ir/nodes.ts';
import type { KeyColumn } from './attention-columns.ts';
import { kvNumberOf, numberOf } from './head-numbers.ts';
import { alibiSlopes } from './positions.ts';
import { contextStep, read, type Step } from './step.ts';

/** Where in the attention an expression is evaluated. */
export interface LogitPlace {
  readonly sequence: number;
  /** Of the tokens of this call. */
  readonly token: number;
  readonly position: number;
  readonly head: number;
  readonly column: KeyColumn;
  /** The scaled logit; a mask has none. */
  readonly logit?: number;
}

/** The value of an expression of the node: a truth value is 1 or 0. */
export type ValueIn = (expression: Expression, place: LogitPlace) => number;

export function valuesOfExpressions(node: AttentionNode, step: Step): ValueIn {
  const tensors = new Map(node.parameters.map(({ name, tensor }) => [name, read(step, tensor).data]));
  const slopes = alibiSlopes(node.heads.numbers?.of.qHeads ?? node.heads.qHeads);
  const entryOf: Environment['entryOf'] = (parameter, at) => {
    if (Number.isNaN(at)) return Number.NaN;
    const entry = tensors.get(parameter)?.[at];
    if (entry === undefined) throw new RangeError(`${parameter} has no entry ${at}`);
    return entry;
  };
  const slopeOf = (head: number) => slopes[head] ?? Number.NaN;
  return (expression, place) =>
    evaluate(expression, { entryOf, slopeOf, valueOf: (name) => valueAt(node, step, place, name) });
}

function valueAt(node: AttentionNode, step: Step, place: LogitPlace, name: BuiltinName): number {
  const { sequence, token, position, head, column, logit = Number.NaN } = place;
  const keys = node.cross ? contextStep(step) : step;
  switch (name) {
    case 's':
      return logit;
    case 'q':
      // Over a context nothing precedes a call.
      return node.cross ? token : position;
    case 'k':
      return column.kind === 'sequence' ? column.at : Number.NaN;
    case 'h':
      return numberOf(node.heads, head);
    case 'kv':
      return kvNumberOf(node.heads, head);
    case 'b':
      return sequence;
    case 'q_len':
      return step.counts[sequence] ?? Number.NaN;
    case 'k_len':
      return (keys.past[sequence] ?? 0) + (keys.counts[sequence] ?? 0);
    case 'is_memory':
      return Number(column.kind === 'memory');
    case 'is_zero':
      return Number(column.kind === 'zero');
  }
}
