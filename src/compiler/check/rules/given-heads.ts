import type { Report } from '../../diagnostics/report.ts';
import type { AnyPath, BoundSpec, OptionPath } from '../bind.ts';

/** q, k and v are given already split into heads: nothing is projected. False where a width may have been meant. */
export function hasGivenHeads(spec: BoundSpec): boolean {
  const paths = ['model', 'attention.hidden'] as const;
  return !paths.some((path) => spec.isWritten(path) || spec.isInvalid(path));
}

const ofProjections = 'q, k and v are given, and nothing is projected';
const ofHeads = 'given heads are already normalised and rotated';

const refused: readonly (readonly [AnyPath, string])[] = [
  ['attention.qk_norm', ofHeads],
  ['attention.value_norm', ofHeads],
  ['attention.rope', ofHeads],
  ['attention.mla', ofHeads],
  ['attention.cross', 'given keys and values may come from anywhere'],
  ['attention.out_hidden', ofProjections],
  ['attention.clip_qkv', ofProjections],
];

/** Options that are part of making heads from an input: SCH004. */
export function checkGivenHeads(spec: BoundSpec, report: Report): void {
  if (!hasGivenHeads(spec)) return;
  const refuse = (path: AnyPath, because: string) => {
    const option = path.split('.').at(-1);
    const reason = `without \`model\` or \`hidden\`, ${because}`;
    report('SCH004', spec.keySpan(path), { option: path, reason, help: `write \`hidden\`, or delete \`${option}\`` });
  };
  for (const [path, because] of refused) if (spec.isWritten(path)) refuse(path, because);
  if ((spec.at('attention.biases')?.value.length ?? 0) > 0) refuse('attention.biases', ofProjections);
  for (const path of gates) if (isOn(spec, path)) refuse(path, 'there is no input that a gate could be made from');
}

const gates = ['attention.gates.head', 'attention.gates.value', 'attention.gates.output_glu'] as const;

function isOn(spec: BoundSpec, path: OptionPath): boolean {
  const value = spec.at(path)?.value;
  return value !== undefined && value !== false && value !== 'none';
}
