import { type ImportLog, say } from '../draft.ts';
import type { MlpFacts, ModelConfig } from './architecture.ts';

/** transformers' names of activations, and the option table's. */
const activations: Readonly<Record<string, string>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_accurate: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  relu2: 'relu2',
  silu: 'silu',
  swish: 'silu',
};

/** Undefined for one that a spec does not have. */
export function activationNamed(name: string): string | undefined {
  return Object.hasOwn(activations, name) ? activations[name] : undefined;
}

export function activationOf(config: ModelConfig, { activation, activationFields }: MlpFacts, log: ImportLog): string {
  const written = activationFields
    .map((field) => ({ field, name: config.text(field) }))
    .find(({ name }) => name !== undefined);
  const { field = 'activation', name = activation } = written ?? {};
  const known = activationNamed(name);
  if (known !== undefined) return known;
  say(log, 'IMP002', config.path(field), `${config.path(field)}: ${name} cannot be expressed in a spec yet`);
  return 'silu';
}
