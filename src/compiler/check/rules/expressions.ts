import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { keyBounds } from '../../expression/bounds.ts';
import { inferExpression, type Scope, type Typed } from '../../expression/infer.ts';
import { isProblem, parseExpression } from '../../expression/parser.ts';
import { rangesIn } from '../../expression/ranges.ts';
import { type ColumnKind, specialize } from '../../expression/specialize.ts';
import type { Range } from '../../expression/syntax.ts';
import { type BuiltinName, type Expression, find, mentions } from '../../expression/tree.ts';
import { spanOf } from '../../source/positions.ts';
import type { Span } from '../../source/source.ts';
import type { AnyPath, Bound, BoundSpec } from '../bind.ts';
import type { AttentionShape, KeyColumns, MaskShape, ParameterShape } from '../shaped-spec.ts';
import { suggest } from '../suggest.ts';
import { checkCausality } from './causality.ts';
import { type ExpressionContext, knownRanges } from './expression-ranges.ts';
import { checkUsed, resolveParameters } from './parameters.ts';

export type ResolvedExpressions = Pick<AttentionShape, 'score' | 'parameters'> & Pick<MaskShape, 'where'>;

/** `score`, `mask.where` and the parameters that they index. Reports EXP001 to EXP008, CAU001, and OPT002 for a parameter without use. */
export function resolveExpressions(spec: BoundSpec, context: ExpressionContext, report: Report): ResolvedExpressions {
  const declared = resolveParameters(spec, context.heads, report);
  if (declared === undefined) return { parameters: [] };
  const where = resolveWhere(spec, declared, context, report);
  const mask = where === undefined ? context.mask : { ...context.mask, where };
  const score = resolveScore(spec, declared, { ...context, mask }, report);
  const written = [score, where?.condition].filter((one) => one !== undefined);
  const isKnown = (path: 'attention.score' | 'attention.mask.where', one: unknown) =>
    one !== undefined || !(spec.isWritten(path) || spec.isInvalid(path));
  const parameters = declared.filter(({ name }) => written.some((one) => indexes(one, name)));
  if (isKnown('attention.score', score) && isKnown('attention.mask.where', where)) {
    checkUsed(spec, declared, parameters, report);
  }
  return { ...(score && { score }), ...(where && { where }), parameters: Object.freeze(parameters) };
}

function indexes(expression: Expression, name: string): boolean {
  return find(expression, (part) => part.kind === 'parameter' && part.name === name) !== undefined;
}

function resolveScore(
  spec: BoundSpec,
  parameters: readonly ParameterShape[],
  context: ExpressionContext,
  report: Report,
): Expression | undefined {
  const score = spec.at('attention.score');
  if (score === undefined) return undefined;
  reportOthers(spec, report);
  const scope = scopeOf(score, parameters, context, { kind: 'score', report });
  const typed = typedOf(score, 'f32', scope);
  if (typed === undefined || !checkKeyPositions(typed, context.columns, 'score', scope)) return undefined;
  if (context.mask.causal && !checkCausality(typed, scope)) return undefined;
  return typed.expression;
}

function resolveWhere(
  spec: BoundSpec,
  parameters: readonly ParameterShape[],
  context: ExpressionContext,
  report: Report,
): MaskShape['where'] {
  const where = spec.at('attention.mask.where');
  if (where === undefined) return undefined;
  const scope = scopeOf(where, parameters, context, { kind: 'mask', report });
  const typed = typedOf(where, 'bool', scope);
  if (typed === undefined) return undefined;
  if (context.mask.causal && !checkCausality(typed, scope)) return undefined;
  const columns = mentions(typed.expression, 'is_memory', 'is_zero') ? 'all' : 'sequence';
  if (columns === 'all' && !checkKeyPositions(typed, context.columns, 'mask', scope)) return undefined;
  const bounds = keyBounds(specialize(typed.expression, 'sequence'), rangesIn(scope.ranges));
  return Object.freeze({ condition: typed.expression, columns, bounds: Object.freeze(bounds) });
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
  parameters: readonly ParameterShape[],
  context: ExpressionContext,
  { kind, report }: { readonly kind: 'score' | 'mask'; readonly report: Report },
): Scope {
  const unavailable = new Map<BuiltinName, string>();
  if (kind === 'mask') unavailable.set('s', 'has no value in a mask, which is known before any logit');
  if (context.isCross) unavailable.set('q_len', 'has no value in cross-attention, which knows the lengths of contexts');
  return {
    unavailable,
    parameters: new Map(parameters.map(({ name, shape }) => [name, shape])),
    ranges: knownRanges(context, kind),
    spanOf: placeIn(bound),
    suggest,
    report,
  };
}

/** From places in an expression to places in its file; the whole value where quotes or escapes hide them. */
function placeIn({ value, span }: Bound<string>): (range: Range) => Span {
  const { file, start } = span;
  const text = file.text.slice(start, span.end);
  const offset = [text, text.slice(1, -1)].indexOf(value);
  return (range) =>
    offset === -1
      ? span
      : spanOf(file, start + offset + range.start, start + offset + Math.max(range.end, range.start));
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
    report('EXP006', place(placeOf(left) ?? { start: 0, end: 0 }), { columns: column, kind });
    return false;
  }
  return true;
}
