import type { Environment } from '../../src/compiler/expression/evaluate.ts';
import type { BuiltinName, Expression } from '../../src/compiler/expression/tree.ts';
import { checkAttention } from '../frontend/helpers.ts';

const shape = ['q_heads: 8', 'kv_heads: 2', 'head_dim: 64'];

/** What the checker makes of a score or a mask. */
export function typed(kind: 'score' | 'where', expression: string, ...lines: readonly string[]): Expression {
  const text = JSON.stringify(expression);
  const line = kind === 'score' ? `score: ${text}` : `mask: { where: ${text} }`;
  const { shaped, diagnostics } = checkAttention(...shape, ...lines, line);
  const attention = shaped?.layers[0]?.attention;
  const found = kind === 'score' ? attention?.score : attention?.mask.where?.condition;
  if (found === undefined) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('; '));
  return found;
}

/** Slopes and parameters that differ from entry to entry. */
export function environment(
  values: Partial<Record<BuiltinName, number>>,
  parameters: Readonly<Record<string, readonly number[]>> = {},
): Environment {
  return {
    valueOf: (name) => values[name] ?? Number.NaN,
    entryOf: (parameter, at) => parameters[parameter]?.[at] ?? Number.NaN,
    slopeOf: (head) => 2 ** -(head + 1),
  };
}
