import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import { deleteEntry } from '../../syntax/edits.ts';
import type { BoundSpec, OptionPath } from '../bind.ts';
import type { AttentionShape } from '../shaped-spec.ts';
import { hasGivenHeads } from './given-heads.ts';
import type { ResolvedHeads } from './heads.ts';

/** Reports HOK001 (head axes), SCH004 (what needs one input for all heads), OPT002 (head axes of an input that has none). */
export function resolveInputs(
  spec: BoundSpec,
  heads: ResolvedHeads | undefined,
  report: Report,
): AttentionShape['inputs'] {
  if (spec.at('attention.inputs.kind')?.value !== 'split_qkv') {
    for (const path of axes) if (spec.isWritten(path)) reportAxisWithoutInput(spec, path, report);
    return hasGivenHeads(spec) ? 'heads' : 'hidden';
  }
  if (heads !== undefined) {
    reportAxis(
      spec,
      'attention.inputs.q_heads',
      { input: 'q_in', heads: heads.group.qHeads },
      'attention.q_heads',
      report,
    );
    reportAxis(spec, 'attention.inputs.kv_heads', { input: 'k_in', heads: heads.group.kvHeads }, heads.source, report);
  }
  if (hasGivenHeads(spec)) {
    const args = { option: asked, reason: 'q, k and v are given already split into heads' };
    refuse(spec, 'attention.inputs.kind', { ...args, help: 'write `hidden`, or delete `inputs`' }, report);
    return 'heads';
  }
  if (spec.at('model.block.parallel')?.value === 'one_norm') {
    const reason = 'the MLP reads the norm of an input that all heads share, which there is not';
    const args = { option: asked, reason, help: 'delete `inputs`, or write `parallel: two_norms`' };
    refuse(spec, 'attention.inputs.kind', args, report);
  }
  for (const path of shared) {
    const value = spec.at(path)?.value;
    if (value === undefined || value === false || value === 'none' || typeof value === 'number') continue;
    const reason = 'with split inputs there is none that all heads share';
    refuse(spec, path, { reason, help: `delete \`${path.split('.').at(-1)}\`, or write \`inputs: shared\`` }, report);
  }
  return 'split';
}

const axes = ['attention.inputs.q_heads', 'attention.inputs.kv_heads'] as const;
/** What is made from the input of the attention. */
const shared = ['attention.gates.head', 'attention.gates.value', 'attention.value_residual.mix'] as const;

function reportAxis(
  spec: BoundSpec,
  path: (typeof axes)[number],
  { input, heads }: { readonly input: 'q_in' | 'k_in'; readonly heads: number },
  source: OptionPath,
  report: Report,
): void {
  const written = spec.at(path);
  if (written === undefined || written.value === heads) return;
  const key = path.split('.').at(-1) ?? path;
  const map = spec.mapAround(path);
  const deletion = map === undefined ? undefined : deleteEntry(map, key);
  const fixes = deletion === undefined ? [] : [{ title: `delete \`${key}\``, edits: [deletion] }];
  const notes = [note(spec.keySpan(source), `${heads} because of this`)];
  report('HOK001', written.span, { input, written: written.value, heads }, notes, fixes);
}

function reportAxisWithoutInput(spec: BoundSpec, path: OptionPath, report: Report): void {
  if (spec.isInvalid('attention.inputs.kind')) return;
  report('OPT002', spec.keySpan(path), { option: path, reason: 'one input is shared by all heads' });
}

const asked = 'attention.inputs: split_qkv';

function refuse(
  spec: BoundSpec,
  path: OptionPath,
  args: { reason: string; help: string; option?: string },
  report: Report,
) {
  report('SCH004', spec.keySpan(path), { option: path, ...args });
}
