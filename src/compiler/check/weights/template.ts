import type { OptionPath } from '../bind.ts';
import type { WeightShape } from '../shaped-spec.ts';

/** A weight of the module, once for all layers: `{i}` in its name is the layer. */
export interface WeightTemplate {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: WeightShape['role'];
  /** For each axis, the option that its extent is most directly set by. */
  readonly blame: readonly OptionPath[];
  /** Earlier layers do not have it. */
  readonly firstLayer?: number;
  /** A matrix that stays as it is where others are quantised: a table, or one of few rows. The table of tokens may be asked for. */
  readonly kept?: 'always' | 'unless_asked';
  /** Checkpoints may store it with further axes of one entry: `[H, 1, D]`, `[1, H, 1, 1]`. */
  readonly unitAxes?: true;
}

export function matrix(name: string, shape: readonly number[], blame: readonly OptionPath[]): WeightTemplate {
  return weight(name, shape, 'matrix', blame);
}

/** A matrix that is never quantised: it is looked up and not multiplied, or has few rows and decides much. */
export function keptMatrix(name: string, shape: readonly number[], blame: readonly OptionPath[]): WeightTemplate {
  return Object.freeze({ ...matrix(name, shape, blame), kept: 'always' });
}

/** The table of token embeddings, which a tied head multiplies. */
export function tokenTable(shape: readonly number[], blame: readonly OptionPath[]): WeightTemplate {
  return Object.freeze({ ...matrix('embed.weight', shape, blame), kept: 'unless_asked' });
}

/** @param asked whether the spec wants the table of tokens quantised */
export const isQuantizable = ({ role, kept }: WeightTemplate, asked: boolean): boolean =>
  role === 'matrix' && (kept === undefined || (kept === 'unless_asked' && asked));

export function vector(name: string, width: number, blame: OptionPath): WeightTemplate {
  return weight(name, [width], 'vector', [blame]);
}

/** f32 on the device, one row for each head. */
export function perHead(name: string, shape: readonly number[], blame: readonly OptionPath[]): WeightTemplate {
  return Object.freeze({ ...weight(name, shape, 'vector', blame), unitAxes: true });
}

export function weight(
  name: string,
  shape: readonly number[],
  role: WeightTemplate['role'],
  blame: readonly OptionPath[],
): WeightTemplate {
  return Object.freeze({ name, shape: Object.freeze(shape), role, blame: Object.freeze(blame) });
}

/** A single number is a tensor of one entry. */
export function parameterWeight(name: string, axes: readonly number[]): WeightTemplate {
  const shape = axes.length === 0 ? [1] : axes;
  const blame = shape.map((): OptionPath => 'attention.parameters');
  return Object.freeze({ ...weight(name, shape, 'vector', blame), unitAxes: true });
}
