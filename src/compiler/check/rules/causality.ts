import type { Scope, Typed } from '../../expression/scope.ts';
import { type BuiltinName, find } from '../../expression/tree.ts';

/** Lengths of a call, which grow with tokens that come after the query. */
const lengths = ['q_len', 'k_len'] as const satisfies readonly BuiltinName[];

/** Reports CAU001 for what depends on tokens that a causal mask hides. False when there is any. */
export function checkCausality({ expression, placeOf }: Typed, { spanOf, report }: Scope): boolean {
  const found = lengths.flatMap((name) => {
    const part = find(expression, (one) => one.kind === 'name' && one.name === name);
    return part === undefined ? [] : [{ name, span: placeOf(part) ?? spanOf({ start: 0, end: 0 }) }];
  });
  for (const { name, span } of found) report('CAU001', span, { name });
  return found.length === 0;
}
