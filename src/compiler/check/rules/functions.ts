import type { Report } from '../../diagnostics/report.ts';
import { isProblem, parseExpression } from '../../expression/parser.ts';
import type { DeclaredFunction } from '../../expression/scope.ts';
import { entryOf, type SpecEntry } from '../../syntax/tree.ts';
import type { BoundSpec } from '../bind.ts';
import { nameProblem } from './declared-names.ts';
import { placeIn } from './expression-places.ts';

const path = 'attention.functions';

/**
 * `attention.functions`, by name; undefined when any of them was refused, as its calls would be refused again. Reports EXP009: a name
 * or a parameter that is none or is taken; EXP001: a body that is no expression.
 * @param taken names of the spec's parameters
 */
export function resolveFunctions(
  spec: BoundSpec,
  taken: readonly string[],
  report: Report,
): ReadonlyMap<string, DeclaredFunction> | undefined {
  const entries = spec.entriesOf(path);
  if (entries === undefined) return undefined;
  const names = entries.map(({ key }) => key);
  let isSound = true;
  const functions = new Map<string, DeclaredFunction>();
  for (const entry of entries) {
    const others = [...taken, ...names.filter((name) => name !== entry.key)];
    const problems = namesIn(entry).flatMap(({ name, span }, index, all) => {
      const earlier = all.slice(0, index).map((one) => one.name);
      const problem = nameProblem(name, [...others, ...earlier]);
      return problem === undefined ? [] : [{ span, problem }];
    });
    for (const { span, problem } of problems) report('EXP009', span, problem);
    const declared = functionOf(entry, report);
    if (declared === undefined || problems.length > 0) isSound = false;
    else functions.set(entry.key, declared);
  }
  return isSound ? functions : undefined;
}

/** The function's own name first. */
function namesIn({ key, keySpan, value }: SpecEntry) {
  const params = entryOf(value, 'params')?.value;
  const items = params?.kind === 'list' ? params.items : [];
  return [
    { name: key, span: keySpan },
    ...items.flatMap((item) => (item.kind === 'scalar' ? [{ name: String(item.value), span: item.span }] : [])),
  ];
}

function functionOf(entry: SpecEntry, report: Report): DeclaredFunction | undefined {
  const body = entryOf(entry.value, 'body')?.value;
  if (body?.kind !== 'scalar' || typeof body.value !== 'string') return undefined;
  const spanOf = placeIn({ value: body.value, span: body.span });
  const syntax = parseExpression(body.value);
  if (!isProblem(syntax)) {
    const [, ...params] = namesIn(entry);
    return Object.freeze({ params: params.map(({ name }) => name), body: syntax, spanOf });
  }
  const { at, problem, help } = syntax;
  report('EXP001', spanOf(at), { problem, ...(help === undefined ? {} : { help }) });
  return undefined;
}

/** Reports OPT002 for each function that no expression calls. */
export function checkCalled(
  spec: BoundSpec,
  functions: ReadonlyMap<string, DeclaredFunction>,
  called: ReadonlySet<string>,
  report: Report,
): void {
  for (const { key, keySpan } of spec.entriesOf(path) ?? []) {
    if (!functions.has(key) || called.has(key)) continue;
    report('OPT002', keySpan, { option: `${path}.${key}`, reason: 'no expression calls it' });
  }
}
