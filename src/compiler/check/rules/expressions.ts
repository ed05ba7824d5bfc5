import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { keyBounds } from '../../expression/bounds.ts';
import { inferExpression } from '../../expression/infer.ts';
import { isProblem, parseExpression } from '../../expression/parser.ts';
import { rangesIn } from '../../expression/ranges.ts';
import type { DeclaredFunction, Scope, Typed } from '../../expression/scope.ts';
import { type ColumnKind, specialize } from '../../expression/specialize.ts';
import { type BuiltinName, type Expression, find, mentions } from '../../expression/tree.ts';
import type { AnyPath, Bound, BoundSpec } from '../bind.ts';
import type { AttentionShape, KeyColumns, MaskShape, ParameterShape } from '../shaped-spec.ts';
import { suggest } from '../suggest.ts';
import { checkCausality } from './causality.ts';
import { placeIn } from './expression-places.ts';
import { type ExpressionContext, knownRanges } from './expression-ranges.ts';
import { checkCalled, resolveFunctions } from './functions.ts';
import { checkUsed, resolveParameters } from './parameters.ts';

export type ResolvedExpressions = Pick<AttentionShape, 'score' | 'parameters'> & Pick<MaskShape, 'where'>;

/** What expressions may name beside the names of the language. */
interface Declared {
  readonly parameters: readonly ParameterShape[];
  readonly functions: ReadonlyMap<string, DeclaredFunction>;
}

/**
 * `score`, `mask.where`, and the parameters that they index. Reports EXP001 to EXP009, CAU001, and OPT002 for a parameter or function without
 * use.
 */
export function resolveExpressions(spec: BoundSpec, context: ExpressionContext, report: Report): ResolvedExpressions {
  const own = resolveParameters(spec, context.heads, report);
  const functions = resolveFunctions(
    spec,
    (own ?? []).map(({ name }) => name),
    report,
  );
  if (own === undefined || functions === undefined) return { parameters: [] };
  const declared = { parameters: own, functions };
  const where = resolveWhere(spec, declared, context, report);
  const mask = where === undefined ? context.mask : { ...context.mask, where: where.where };
  const score = resolveScore(spec, declared, { ...context, mask }, report);
  const written = [score, where].filter((one) => one !== undefined);
  const isKnown = (path: 'attention.score' | 'attention.mask.where', one: unknown) =>
    one !== undefined || !(spec.isWritten(path) || spec.isInvalid(path));
  const parameters = own.filter(({ name }) => written.some(({ expression }) => indexes(expression, name)));
  if (isKnown('attention.score', score) && isKnown('attention.mask.where', where)) {
    checkUsed(spec, own, parameters, report);
    checkCalled(spec, functions, new Set(written.flatMap(({ calls }) => [...calls])), report);
  }
  return {
    ...(score && { score: score.expression }),
    ...(where && { where: where.where }),
    parameters: Object.freeze(parameters),
  };
}

function indexes(expression: Expression, name: string): boolean {
  return find(expression, (part) => part.kind === 'parameter' && part.name === name) !== undefined;
}

function resolveScore(
  spec: BoundSpec,
  declared: Declared,
  context: ExpressionContext,
  report: Report,
): Typed | undefined {
  const score = spec.at('attention.score');
  if (score === undefined) return undefined;
  reportOthers(spec, report);
  const scope = scopeOf(score, declared, context, { kind: 'score', report });
  const typed = typedOf(score, 'f32', scope);
  if (typed === undefined || !checkKeyPositions(typed, context.columns, 'score', scope)) return undefined;
  if (context.mask.causal && !checkCausality(typed, scope)) return undefined;
  return typed;
}

function resolveWhere(
  spec: BoundSpec,
  declared: Declared,
  context: ExpressionContext,
  report: Report,
): (Typed & Required<Pick<MaskShape, 'where'>>) | undefined {
  const where = spec.at('attention.mask.where');
  if (where === undefined) return undefined;
  const scope = scopeOf(where, declared, context, { kind: 'mask', report });
  const typed = typedOf(where, 'bool', scope);
  if (typed === undefined) return undefined;
  if (context.mask.causal && !checkCausality(typed, scope)) return undefined;
  const columns = mentions(typed.expression, 'is_memory', 'is_zero') ? 'all' : 'sequence';
  if (columns === 'all' && !checkKeyPositions(typed, context.columns, 'mask', scope)) return undefined;
  const bounds = keyBounds(specialize(typed.expression, 'sequence'), rangesIn(scope.ranges));
  const condition = { condition: typed.expression, columns, bounds: Object.freeze(bounds) } as const;
  return { ...typed, where: Object.freeze(condition) };
}

/** Options whose place before or after the score would be a guess, and how the language says them. */
const others = [
  ['attention.softcap', '`softcap(s, c)`'],
  ['attention.alibi', '`- alibi_slope(h) * abs(q - k)`'],
  ['attention.t5_bias', 'a parameter with an axis of buckets'],
  ['attention.bias', 'a parameter'],
] as const satisfies readonly (readonly [AnyPath, string])[];

function reportOthers(spec: BoundSpec, report: Report): void {
  for (const [path, instead] of others) {
    if (!spec.isWritten(path)) continue;
    const option = path.slice('attention.'.length);
    report('EXP007', spec.keySpan('attention.score'), { option, instead }, [note(spec.keySpan(path), 'the other one')]);
  }
}

function scopeOf(
  bound: Bound<string>,
  { parameters, functions }: Declared,
  context: ExpressionContext,
  { kind, report }: { readonly kind: 'score' | 'mask'; readonly report: Report },
): Scope {
  const unavailable = new Map<BuiltinName, string>();
  if (kind === 'mask') unavailable.set('s', 'has no value in a mask, which is known before any logit');
  if (context.isCross) unavailable.set('q_len', 'has no value in cross-attention, which knows the lengths of contexts');
  return {
    unavailable,
    parameters: new Map(parameters.map(({ name, shape }) => [name, shape])),
    functions,
    ranges: knownRanges(context, kind),
    spanOf: placeIn(bound),
    suggest,
    report,
  };
}

function typedOf({ value }: Bound<string>, type: 'bool' | 'f32', scope: Scope): Typed | undefined {
  const syntax = parseExpression(value);
  if (!isProblem(syntax)) return inferExpression(syntax, type, scope);
  const { at, problem, help } = syntax;
  scope.report('EXP001', scope.spanOf(at), { problem, ...(help === undefined ? {} : { help }) });
  return undefined;
}

/** Memory and zero columns have no position: what an expression gives there must not depend on one. */
function checkKeyPositions(
  { expression, placeOf }: Typed,
  columns: KeyColumns,
  kind: 'score' | 'mask',
  { spanOf: place, report }: Scope,
): boolean {
  const present: readonly Exclude<ColumnKind, 'sequence'>[] = [
    ...(columns.memory > 0 ? (['memory'] as const) : []),
    ...(columns.zero > 0 ? (['zero'] as const) : []),
  ];
  for (const column of present) {
    const left = find(specialize(expression, column), (part) => part.kind === 'name' && part.name === 'k');
    if (left === undefined) continue;
    report('EXP006', placeOf(left) ?? place({ start: 0, end: 0 }), { columns: column, kind });
    return false;
  }
  return true;
}
