import type { LinearMatrixPlan, LinearRowPlan, LinearTilePlan } from '../../../plan/linear/kernel-plan.ts';
import type { HandedStorage } from '../../../plan/plan-base.ts';
import { accurateTanh, activatedValue, activationFunction } from '../../activation.ts';
import { type Binding, buffer, f32c, floats, sequencesBinding, stepBinding } from '../../kernel.ts';
import { enablesFor, rowLoader, rowsBinding } from '../../storage.ts';
import { wgsl } from '../../wgsl.ts';

type LinearPlan = LinearTilePlan | LinearMatrixPlan | LinearRowPlan;

/** How a kernel reads what is bound under a name. */
export interface MatrixAccess {
  readonly binding: Binding;
  readonly functions: readonly string[];
}

/** What all products share: y = act(x · Wᵀ + b), y = act(x · Wgᵀ + bg) · (x · Wᵀ + b), or y += x · Wᵀ + b. */
export function linearParts(
  plan: LinearPlan,
  access: (name: string) => MatrixAccess,
  x = rowsOfX(plan),
  result = resultRows(plan),
) {
  const matrices = (isGated(plan) ? ['weight', 'gate'] : ['weight']).map(access);
  const bindings: Binding[] = [
    x.binding,
    ...matrices.map(({ binding }) => binding),
    ...(plan.bias ? [floats('bias')] : []),
    ...(plan.gate === 'biased' ? [floats('gate_bias')] : []),
    result.binding,
    ...(plan.logits ? [sequencesBinding] : []),
    // A kernel of one row is given its rows by the grid: it asks where logits are.
    ...(plan.stage === 'linear_row' && !plan.logits ? [] : [stepBinding]),
  ];
  const constants = {
    ...(plan.clip !== undefined && { CLIP: f32c(plan.clip) }),
    ...(plan.scale !== undefined && { SCALE: f32c(plan.scale) }),
    ...(plan.softcap !== undefined && { SOFTCAP: f32c(plan.softcap) }),
  };
  const functions = new Set([
    ...x.functions,
    ...matrices.flatMap(({ functions }) => functions),
    ...activationFunction(plan.activation),
    ...(plan.softcap === undefined ? [] : [accurateTanh]),
    hasInputHeads(plan) ? rowsOfHeads(plan) : plan.logits ? logitsRows : allRows,
    ...result.functions,
  ]);
  return {
    constants,
    bindings,
    functions: [...functions],
    enables: enablesFor(plan.weight),
    doc: formula(plan),
  };
}

export const isGated = ({ gate }: LinearPlan): boolean => gate !== 'none';

/** Each head has a row of x of its own. */
export const hasInputHeads = ({ inputHeads }: LinearPlan): boolean => inputHeads > 1;

const rowsOfX = ({ inWidth }: LinearPlan): MatrixAccess => ({
  binding: rowsBinding('x', inWidth),
  functions: [rowLoader('x', inWidth)],
});

const resultRows = (plan: LinearPlan): MatrixAccess => {
  const rows = rowsOfY(plan);
  return {
    binding: rows.binding,
    functions: plan.gate === 'none' ? finish(plan, '', rows) : [finishGated(plan, rows)],
  };
};

/** Where outputs go. */
export interface Destination {
  readonly binding: Binding;
  /** A statement, in terms of `row` and `column`. */
  readonly store: (value: string) => string;
}

/** @param suffix of the names of a product that is joined to another */
export const rowsOfY = (plan: LinearPlan, suffix = ''): Destination => ({
  binding: buffer(`y${suffix}`, storageOfY(plan), 'read_write'),
  store: (value) => `y${suffix}[row * OUT_WIDTH${suffix} + column] ${assignment(plan)} ${value};`,
});

const storageOfY = (plan: LinearPlan): HandedStorage => (plan.stage === 'linear_matrix' ? plan.y : 'f32');

export function formula(plan: LinearPlan, suffix = ''): string {
  const up = `x · weight${suffix}ᵀ${plan.bias ? ` + bias${suffix}` : ''}`;
  const gate = `x · gateᵀ${plan.gate === 'biased' ? ' + gate_bias' : ''}`;
  const value = activationText(plan.activation, up, plan.gate === 'none' ? undefined : gate);
  return `y${suffix} ${write(plan)} ${finished(plan, value)}, weights [${plan.outWidth}, ${plan.inWidth}]`;
}

function activationText(activation: LinearPlan['activation'], up: string, gate: string | undefined): string {
  if (typeof activation === 'object') return `${activation.kind}(${gate}, ${up})`;
  const activate = (inner: string) => (activation === 'none' ? inner : `${activation}(${inner})`);
  return gate === undefined ? activate(up) : `${activate(gate)} · (${up})`;
}

const allRows = wgsl`
  fn row_count() -> u32 {
    return step.batch * step.tokens;
  }

  fn row_of_x(row: u32) -> u32 {
    return row;
  }`;

const rowsOfHeads = ({ inputHeads, outWidth }: LinearPlan) => wgsl`
  fn row_count() -> u32 {
    return step.batch * step.tokens;
  }

  /** That of the head which the column belongs to. */
  fn row_of_x(row: u32, column: u32) -> u32 {
    return row * ${inputHeads}u + column / ${outWidth / inputHeads}u;
  }`;

const logitsRows = wgsl`
  /** Logits of every token, or of the last new token of each sequence. */
  fn row_count() -> u32 {
    return select(step.batch, step.batch * step.tokens, step.logits_all == 1u);
  }

  fn row_of_x(row: u32) -> u32 {
    if (step.logits_all == 1u) {
      return row;
    }
    return row * step.tokens + sequences[row].count - 1u;
  }`;

const write = (plan: LinearPlan) => (plan.accumulate ? '+=' : '=');

/** What makes an output beside its sums. */
export interface Addend {
  readonly name: 'before' | 'shift' | 'gate_shift';
  /** @param column an expression */
  readonly at: (column: string) => string;
}

/** Given to `finish` by the kernel of one row, which reads them before it sums: afterwards nothing would be left to do while they come. */
export function addendsOf({ bias, gate, accumulate }: LinearPlan, suffix = ''): readonly Addend[] {
  return [
    ...(accumulate
      ? [{ name: 'before', at: (column: string) => `y${suffix}[row * OUT_WIDTH${suffix} + ${column}]` } as const]
      : []),
    ...(bias ? [{ name: 'shift', at: (column: string) => `bias${suffix}[${column}]` } as const] : []),
    ...(gate === 'biased' ? [{ name: 'gate_shift', at: (column: string) => `gate_bias[${column}]` } as const] : []),
  ];
}

/** How `finish` has an addend, if there is any: the kernel of one row gives it. */
function addendText(plan: LinearPlan, name: Addend['name'], suffix: string): string | undefined {
  const found = addendsOf(plan, suffix).find((addend) => addend.name === name);
  return plan.stage === 'linear_row' ? found?.name : found?.at('column');
}

/** What `finish` is given beside the place of an output. */
function parametersOfValue(plan: LinearPlan, sums: readonly string[]): readonly string[] {
  const given = plan.stage === 'linear_row' ? addendsOf(plan).map(({ name }) => name) : [];
  return [...given, ...sums].map((name) => `${name}: f32`);
}

const place = ['row: u32', 'column: u32'];

const assignment = (plan: LinearPlan): string =>
  plan.stage === 'linear_row' && plan.accumulate ? '= before +' : write(plan);

/** Clip, scale and softcap around a value, in this order. */
function finished(plan: LinearPlan, value: string): string {
  const clipped = plan.clip === undefined ? value : `clamp(${value}, -CLIP, CLIP)`;
  const scaled = plan.scale === undefined ? clipped : `SCALE * (${clipped})`;
  return plan.softcap === undefined ? scaled : `SOFTCAP * accurate_tanh((${scaled}) / SOFTCAP)`;
}

const stored = (plan: LinearPlan, value: string): string =>
  storageOfY(plan) === 'f16' ? `f16(${finished(plan, value)})` : finished(plan, value);

/**
 * @param suffix of the names of a product that is joined to another
 * @param isTurned values become outputs together with others: a function makes them, and another stores what they become
 */
export function finish(plan: LinearPlan, suffix: string, { store }: Destination, isTurned = false): readonly string[] {
  const shift = addendText(plan, 'shift', suffix);
  const sum = activatedValue(plan.activation, shift === undefined ? 'sum' : `sum + ${shift}`, undefined);
  const value = stored(plan, sum);
  const parameters = parametersOfValue(plan, ['sum']);
  if (!isTurned) {
    const whole = wgsl`
      fn finish${suffix}(${[...place, ...parameters].join(', ')}) {
        ${store(value)}
      }`;
    return [whole];
  }
  const made = wgsl`
    fn value_of${suffix}(${parameters.join(', ')}) -> f32 {
      return ${value};
    }`;
  const kept = wgsl`
    fn finish${suffix}(${[...place, 'value: f32'].join(', ')}) {
      ${store('value')}
    }`;
  return [made, kept];
}

function finishGated(plan: LinearPlan, { store }: Destination): string {
  const shift = addendText(plan, 'shift', '');
  const gateShift = addendText(plan, 'gate_shift', '');
  const up = shift === undefined ? 'sum' : `(sum + ${shift})`;
  const gate = gateShift === undefined ? 'gate_sum' : `gate_sum + ${gateShift}`;
  const value = activatedValue(plan.activation, up, gate);
  return wgsl`
    fn finish(${[...place, ...parametersOfValue(plan, ['sum', 'gate_sum'])].join(', ')}) {
      ${store(stored(plan, value))}
    }`;
}
