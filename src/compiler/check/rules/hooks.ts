import { transformerLensHooks } from '../../../../grammar/options/hooks.ts';
import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { AttentionShape, HookName } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';

/** Names of hooks, each once. Reports HOK002 (layers), SCH004 (activations that there are not), OPT002 (layers without names). */
export function resolveHooks(spec: BoundSpec, report: Report): AttentionShape['hooks'] {
  const names = spec.at('attention.hooks.names')?.value.map(ownName) ?? [];
  checkLayers(spec, names, report);
  const hooks = [...new Set(names)];
  for (const hook of hooks) {
    const reason = whyAbsent(spec, hook);
    if (reason === undefined) continue;
    const args = { option: `attention.hooks: ${hook}`, reason, help: `delete \`${hook}\`` };
    report('SCH004', spec.at('attention.hooks.names')?.span ?? spec.keySpan('attention.hooks'), args);
  }
  return Object.freeze(hooks);
}

/** Whether a layer returns the activations that its attention names. */
export function isHooked(spec: BoundSpec, layer: number): boolean {
  return spec.at('attention.hooks.layers')?.value.includes(layer) ?? true;
}

type WrittenHook = HookName | keyof typeof transformerLensHooks;

const isForeign = (name: WrittenHook): name is keyof typeof transformerLensHooks =>
  Object.hasOwn(transformerLensHooks, name);

const ownName = (name: WrittenHook): HookName => (isForeign(name) ? transformerLensHooks[name] : name);

/** What is made of latent rows only where these are expanded. */
const ofExpanded: readonly HookName[] = ['k', 'v', 'rot_q', 'rot_k'];
const ofScores: readonly HookName[] = ['scores', 'pattern'];

function whyAbsent(spec: BoundSpec, hook: HookName): string | undefined {
  if (hasGivenHeads(spec) && !ofScores.includes(hook)) {
    return hook === 'z'
      ? 'without projections it is the output itself'
      : 'without `model` or `hidden`, q, k and v are given, and nothing is projected';
  }
  const isInput = hook === 'q_input' || hook === 'k_input' || hook === 'v_input';
  const isSplit = spec.at('attention.inputs.kind')?.value === 'split_qkv';
  if (isInput && !isSplit) return 'all heads read one input, as `inputs: split_qkv` is not written';
  if (isInput && !spec.isWritten('model')) return 'without `model` the inputs of heads are given';
  if (ofExpanded.includes(hook) && spec.at('attention.mla.cache')?.value === 'latent')
    return '`mla` caches latent rows, and keys and values of heads are never made';
  if (hook === 'result' && spec.at('attention.gates.output_glu')?.value === true)
    return 'behind a GLU the output is not a sum over heads';
  return undefined;
}

function checkLayers(spec: BoundSpec, names: readonly HookName[], report: Report): void {
  const asked = spec.at('attention.hooks.layers');
  if (asked === undefined) return;
  if (!spec.isWritten('model')) {
    const reason = 'there is no `model` with layers';
    const args = { option: 'attention.hooks.layers', reason, help: 'delete `layers`' };
    report('SCH004', spec.keySpan('attention.hooks.layers'), args);
    return;
  }
  if (names.length === 0 && !spec.isInvalid('attention.hooks.names')) {
    const args = { option: 'attention.hooks.layers', reason: 'no `names` say what these layers return' };
    report('OPT002', spec.keySpan('attention.hooks.layers'), args);
  }
  const layers = spec.at('model.layers');
  const beyond = asked.value.find((layer) => layers !== undefined && layer >= layers.value);
  if (beyond === undefined || layers === undefined) return;
  const notes = [note(layers.span, `layers 0 to ${layers.value - 1}`)];
  report('HOK002', asked.span, { layer: beyond, layers: layers.value }, notes);
}
