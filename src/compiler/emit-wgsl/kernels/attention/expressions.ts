import { type ColumnKind, specialize } from '../../../expression/specialize.ts';
import { type BuiltinName, type Expression, mentions } from '../../../expression/tree.ts';
import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { expressionText, parameterBinding, supportOf } from '../../expression.ts';
import { type Binding, floats } from '../../kernel.ts';
import { f32, wgsl } from '../../wgsl.ts';
import { headNumber, kvHeadNumber } from './heads.ts';

/** What a spec's own expressions add to the logits. */
export interface ExpressionParts {
  readonly bindings: readonly Binding[];
  /**
   * `score(s: f32, sequence, batch, head, token, column) -> f32` and
   * `shown(sequence, batch, head, token, column) -> bool`, those that the spec has.
   */
  readonly functions: readonly string[];
  /** `shown` differs from head to head. Else `visible` has asked it already. */
  readonly isPerHead: boolean;
}

export function expressionParts(options: AttentionOptions): ExpressionParts {
  const { score, mask, parameters, headSlopes } = options;
  const { where } = mask;
  const slopes = headSlopes?.map(f32) ?? [];
  return {
    bindings: parameters.map((name) => floats(parameterBinding(name))),
    functions: [
      ...(slopes.length > 0 ? [`const HEAD_SLOPES = array<f32, ${slopes.length}>(${slopes.join(', ')});`] : []),
      ...supportOf([score, where?.condition].filter((one) => one !== undefined)),
      ...(score === undefined ? [] : [scoreFunction(score, options)]),
      ...(where === undefined ? [] : [shownFunction(where, options)]),
    ],
    isPerHead: where !== undefined && isPerHead(where),
  };
}

/** Heads see different keys. */
export function isPerHead({ condition }: NonNullable<AttentionOptions['mask']['where']>): boolean {
  return mentions(condition, 'h', 'kv');
}

function scoreFunction(score: Expression, options: AttentionOptions): string {
  return wgsl`
    fn score(s: f32, sequence: Sequence, batch: u32, head: u32, token: u32, column: u32) -> f32 {
      ${bodyOf(options, (column) => specialize(score, column))}
    }`;
}

function shownFunction(where: NonNullable<AttentionOptions['mask']['where']>, options: AttentionOptions): string {
  const always: Expression = { kind: 'truth', type: 'bool', value: true };
  const conditionOn = (column: ColumnKind) =>
    column === 'sequence' || where.columns === 'all' ? specialize(where.condition, column) : always;
  return wgsl`
    fn shown(sequence: Sequence, batch: u32, head: u32, token: u32, column: u32) -> bool {
      ${bodyOf(options, conditionOn)}
    }`;
}

/** Zero and memory columns first: the key's position is known after them. */
function bodyOf({ columns, heads }: AttentionOptions, on: (column: ColumnKind) => Expression): string {
  const sequence = on('sequence');
  const zero = columns.zero > 0 ? on('zero') : undefined;
  const memory = columns.memory > 0 ? on('memory') : undefined;
  const all = [sequence, zero, memory].filter((one) => one !== undefined);
  const variables: readonly (readonly [BuiltinName, string])[] = [
    ['h', `i32(${headNumber(heads)})`],
    ['kv', `i32(${kvHeadNumber(heads)})`],
    ['b', 'i32(batch)'],
    ['q', 'i32(sequence.past + token)'],
    ['q_len', 'i32(sequence.count)'],
    ['k_len', 'i32(sequence.past + sequence.count)'],
  ];
  const lines = variables.filter(([name]) => all.some((one) => mentions(one, name)));
  return [
    ...lines.map(([name, value]) => `let ${name} = ${value};`),
    ...prefixReturns(zero && expressionText(zero), memory && expressionText(memory)),
    ...(mentions(sequence, 'k') ? ['let k = i32(column - PREFIX_COLUMNS);'] : []),
    `return ${expressionText(sequence)};`,
  ].join('\n');
}

function prefixReturns(zero: string | undefined, memory: string | undefined): readonly string[] {
  const below = (bound: string, value: string) => `if (column < ${bound}) {\n  return ${value};\n}`;
  if (zero === undefined || memory === undefined || zero === memory) {
    const value = zero ?? memory;
    return value === undefined ? [] : [below('PREFIX_COLUMNS', value)];
  }
  return [below('ZERO_COLUMNS', zero), below('PREFIX_COLUMNS', memory)];
}
