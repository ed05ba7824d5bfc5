import type { Activation } from '../check/shaped-spec.ts';
import type { NodeActivation } from '../ir/nodes.ts';

/** Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016: the exact form and its tanh approximation. */
export const activations: Readonly<Record<Activation | 'sigmoid', (x: number) => number>> = {
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  quick_gelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
};

/** act(gate) · value, or act(value) where there is no gate. */
export function activated(activation: NodeActivation | undefined, value: number, gate: number | undefined): number {
  if (typeof activation === 'object') {
    const { limit, alpha } = activation;
    const g = Math.min(gate ?? 0, limit);
    return ((Math.min(Math.max(value, -limit), limit) + 1) * g) / (1 + Math.exp(-alpha * g));
  }
  const activate = activation === undefined ? (x: number) => x : activations[activation];
  return gate === undefined ? activate(value) : activate(gate) * value;
}

/**
 * The error function, to about 1e-15: erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!.
 * All terms have one sign, so nothing cancels (Abramowitz and Stegun 7.1.6). Beyond |x| = 6 it is ±1 in f64.
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) >= 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
