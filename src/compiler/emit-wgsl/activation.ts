import type { Activation, ClampedSwiglu } from '../check/shaped-spec.ts';
import type { NodeActivation } from '../ir/nodes.ts';
import { f32, wgsl } from './wgsl.ts';

/**
 * `fn activate(x: f32) -> f32`, or `fn activate(gate: f32, up: f32) -> f32` of a clamped activation. Forms are chosen so that
 * no intermediate overflows and none relies on a loose built-in.
 */
export function activationFunction(activation: NodeActivation | 'none'): readonly string[] {
  if (typeof activation === 'object') return [clampedSwiglu(activation)];
  return activation === 'none'
    ? []
    : [...(activation === 'gelu' ? [erf] : []), ...(usesTanh(activation) ? [accurateTanh] : []), bodies[activation]];
}

/** What an MLP makes of `up`, an operand, and where there is one its `gate`, an expression. */
export function activatedValue(activation: NodeActivation | 'none', up: string, gate: string | undefined): string {
  if (typeof activation === 'object') return `activate(${gate ?? up}, ${up})`;
  const activate = (value: string, bare: string) => (activation === 'none' ? bare : `activate(${value})`);
  return gate === undefined ? activate(up, up) : `${activate(gate, `(${gate})`)} * ${up}`;
}

const clampedSwiglu = ({ limit, alpha }: ClampedSwiglu) => wgsl`
  fn activate(gate: f32, up: f32) -> f32 {
    let g = min(gate, ${f32(limit)});
    let u = clamp(up, ${f32(-limit)}, ${f32(limit)});
    return (u + 1.0) * g / (1.0 + exp(min(-${f32(alpha)} * g, 80.0)));
  }`;

const usesTanh = (activation: Activation | 'sigmoid') => activation === 'gelu_tanh';

const bodies: Readonly<Record<Activation | 'sigmoid', string>> = {
  sigmoid: wgsl`
    fn activate(x: f32) -> f32 {
      return 1.0 / (1.0 + exp(-max(x, -80.0)));
    }`,
  silu: wgsl`
    fn activate(x: f32) -> f32 {
      return x / (1.0 + exp(-max(x, -80.0)));
    }`,
  gelu: wgsl`
    fn activate(x: f32) -> f32 {
      return 0.5 * x * (1.0 + erf(x * 0.70710678));
    }`,
  gelu_tanh: wgsl`
    fn activate(x: f32) -> f32 {
      return 0.5 * x * (1.0 + accurate_tanh(0.79788456 * (x + 0.044715 * x * x * x)));
    }`,
  quick_gelu: wgsl`
    fn activate(x: f32) -> f32 {
      return x / (1.0 + exp(-max(1.702 * x, -80.0)));
    }`,
  relu: wgsl`
    fn activate(x: f32) -> f32 {
      return max(x, 0.0);
    }`,
  relu2: wgsl`
    fn activate(x: f32) -> f32 {
      let positive = max(x, 0.0);
      return positive * positive;
    }`,
};

/**
 * erf to f32 precision: below 1 its Maclaurin series (eleven terms, error below 1e-8), above the complement as a
 * continued-fraction-free rational fit in t = 1 / (1 + x / 2) times exp(−x²) (W. J. Cody's form as fitted in
 * Numerical Recipes, erfccheb: relative error of erfc below 1.2e-7).
 */
const erf = wgsl`
  fn erf(x: f32) -> f32 {
    let a = abs(x);
    if (a < 1.0) {
      let s = x * x;
      let series = 1.0 + s * (-0.33333334 + s * (0.1 + s * (-0.023809524 + s * (0.0046296297 + s * (-0.00075757574
        + s * (0.00010683761 + s * (-0.000013227513 + s * (0.0000014589169 + s * (-0.00000014503853 + s * 0.000000013122532)))))))));
      return 1.1283792 * x * series;
    }
    let t = 1.0 / (1.0 + 0.5 * a);
    let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
      + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    return sign(x) * (1.0 - t * exp(-a * a + fit));
  }`;

/** WGSL promises little for tanh: small arguments by its series, others through exp. */
export const accurateTanh = wgsl`
  fn accurate_tanh(x: f32) -> f32 {
    let a = abs(x);
    if (a < 0.25) {
      let s = x * x;
      return x * (1.0 + s * (-0.33333334 + s * (0.13333334 + s * (-0.053968254 + s * 0.021869488))));
    }
    return sign(x) * (1.0 - 2.0 / (1.0 + exp(2.0 * min(a, 40.0))));
  }`;
