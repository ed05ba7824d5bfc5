import type { Report } from '../../diagnostics/report.ts';
import { entryOf, type SpecEntry } from '../../syntax/tree.ts';
import type { BoundSpec } from '../bind.ts';
import { elementCount } from '../dims.ts';
import type { AttentionShape, HeadGroup, ParameterShape } from '../shaped-spec.ts';
import { nameProblem } from './declared-names.ts';

/** Kernels have room for this many buffers beside their own. */
const mostParameters = 4;
const mostEntries = 2 ** 24;

/**
 * `attention.parameters`; undefined when any of them was refused, as what names it would be refused again. Reports EXP008: a name
 * that is none or is taken, and more or larger ones than kernels can have.
 */
export function resolveParameters(
  spec: BoundSpec,
  heads: HeadGroup,
  report: Report,
): readonly ParameterShape[] | undefined {
  const entries = spec.entriesOf('attention.parameters');
  if (entries === undefined) return undefined;
  let isSound = true;
  const refuse = ({ keySpan }: SpecEntry, problem: string, help: string) => {
    isSound = false;
    report('EXP008', keySpan, { problem, help });
  };
  const surplus = entries[mostParameters];
  if (surplus !== undefined) {
    const problem = `there are ${entries.length} parameters, kernels have room for ${mostParameters}`;
    refuse(surplus, problem, 'join those of equal axes into one with a further axis');
  }
  const shapes = entries.map((entry): ParameterShape => {
    const { key } = entry;
    const shape = axesOf(entry).map((axis) => (axis === 'h' ? heads.qHeads : axis === 'kv' ? heads.kvHeads : axis));
    const named = nameProblem(key, []);
    if (named !== undefined) refuse(entry, named.problem, named.help);
    const count = elementCount(shape);
    if (count > mostEntries)
      refuse(entry, `this tensor has ${count} entries`, `a parameter has at most ${mostEntries}`);
    return Object.freeze({ name: key, shape: Object.freeze(shape), ...(isRuntime(entry) && { runtime: true }) });
  });
  return isSound ? shapes : undefined;
}

/** The schema has made sure that there is nothing else. */
function axesOf({ value }: SpecEntry): readonly (number | 'h' | 'kv')[] {
  const axes = entryOf(value, 'axes')?.value;
  if (axes?.kind !== 'list') return [];
  return axes.items.flatMap((item) => {
    if (item.kind !== 'scalar') return [];
    const axis = item.value;
    return axis === 'h' || axis === 'kv' || typeof axis === 'number' ? [axis] : [];
  });
}

function isRuntime({ value }: SpecEntry): boolean {
  const runtime = entryOf(value, 'runtime')?.value;
  return runtime?.kind === 'scalar' && runtime.value === true;
}

/** Storage buffers that every device lets a kernel have. */
const mostBuffers = 8;

/** Reports EXP008 where the softmax of separate steps, which has to be able to serve every spec, would read too many buffers. */
export function checkBuffers(spec: BoundSpec, attention: AttentionShape, report: Report): void {
  const { parameters, mask, sinks, biasTensor, biasPosition, activeHeads, hooks } = attention;
  const others = [
    'scores',
    'pattern',
    ...(mask.padding === 'none' ? [] : ['`mask.padding`']),
    ...(mask.documents ? ['`mask.documents`'] : []),
    ...(sinks ? ['`sinks`'] : []),
    ...(biasTensor === undefined ? [] : ['`bias`']),
    ...(biasPosition?.kind === 't5' ? ['`t5_bias`'] : []),
    // Scores and patterns that are kept are those of all heads.
    ...(hooks.includes('scores') ? ['`hooks`'] : []),
    ...(activeHeads === 'runtime' && !hooks.includes('scores') && !hooks.includes('pattern') ? ['`heads.active`'] : []),
  ];
  const room = Math.max(mostBuffers - others.length, 0);
  const surplus = parameters[room];
  if (surplus === undefined) return;
  const entry = spec.entriesOf('attention.parameters')?.find(({ key }) => key === surplus.name);
  const problem = `beside ${others.slice(2).join(', ')} kernels have room for ${room} of ${parameters.length} parameters`;
  const help = 'join parameters of equal axes into one with a further axis';
  report('EXP008', entry?.keySpan ?? spec.keySpan('attention.parameters'), { problem, help });
}

/** Reports OPT002 for each parameter that no expression indexes. */
export function checkUsed(
  spec: BoundSpec,
  declared: readonly ParameterShape[],
  used: readonly ParameterShape[],
  report: Report,
): void {
  const entries = spec.entriesOf('attention.parameters');
  for (const parameter of declared) {
    if (used.includes(parameter)) continue;
    const span = entries?.find(({ key }) => key === parameter.name)?.keySpan ?? spec.keySpan('attention.parameters');
    report('OPT002', span, { option: `attention.parameters.${parameter.name}`, reason: 'no expression names it' });
  }
}
