import { note } from '../../diagnostics/diagnostic.ts';
import { count, shapeText } from '../../diagnostics/entry.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { BoundSpec, OptionPath } from '../bind.ts';
import type { SourcedTemplate } from '../weights/sources.ts';
import type { WeightTemplate } from '../weights/template.ts';
import { explainHeads } from './checkpoint-heads.ts';
import type { CheckpointInput, Found } from './checkpoint-input.ts';
import { kvHeadsNote } from './memory.ts';

type FoundByTemplate = ReadonlyMap<SourcedTemplate, readonly Found[]>;

/**
 * Tensors of another shape than the spec gives them. The first explanation that fits is reported (DIM002, MEM001, MEM002, MEM003, NRM001,
 * RES001, SNK001, else WGT002 with a likely cause), and mismatches that follow from it are not reported again.
 */
export function checkShapes(input: CheckpointInput, found: FoundByTemplate, report: Report): void {
  const shapes = firstShapes(found);
  const implied = impliedCounts(input, shapes);
  if (implied.headDim !== undefined) reportHeadDim(input, implied.headDim, shapes, report);
  reportMemory(input, implied, shapes, report);
  for (const [sourced, instances] of found) {
    const { template } = sourced;
    const wrong = instances.filter(({ shape }) => !fits(template, shape));
    const [first] = wrong;
    if (first === undefined || followsFrom(input, implied, template, first.shape)) continue;
    if (explainHeads(input, sourced, first, report)) continue;
    const counted = template.shape.length - first.weight.shape.length;
    const args = {
      tensor: first.weight.source.tensor,
      found: first.shape.slice(counted),
      expected: template.shape.slice(counted),
      more: wrong.length - 1,
      cause: likelyCause(input, template, first.shape),
    };
    const axis = template.shape.findIndex((extent, index) => first.shape[index] !== extent);
    const notes = sourced.span === undefined ? [] : [note(sourced.span, `\`${template.name}\` is read from here`)];
    report('WGT002', optionPlace(input, template.blame[Math.max(axis, 0)]), args, notes);
  }
}

type Shapes = ReadonlyMap<string, Found>;

/** By canonical name without the layer: the first instance of each weight that has another shape, else the first. */
function firstShapes(found: FoundByTemplate): Shapes {
  const shapes = new Map<string, Found>();
  for (const [{ template }, instances] of found) {
    const one = instances.find(({ shape }) => !fits(template, shape)) ?? instances[0];
    if (one !== undefined) shapes.set(shortName(template), one);
  }
  return shapes;
}

function shortName({ name }: WeightTemplate): string {
  return name.replace('layers.{i}.', '');
}

/** What the checkpoint seems to have in place of the spec's head_dim, q_heads and kv_heads, where the projections tell. */
interface Implied {
  readonly headDim?: number;
  readonly qHeads?: number;
  readonly kvHeads?: number;
}

function impliedCounts({ attention }: CheckpointInput, shapes: Shapes): Implied {
  const { heads, headDim, hidden, cross } = attention;
  const qRows = rowsOf(shapes.get('attn.q.weight'), hidden);
  const kRows = rowsOf(shapes.get('attn.k.weight'), cross?.width ?? hidden);
  const perQuery = qRows === undefined ? headDim : qRows / heads.qHeads;
  const perKey = kRows === undefined ? headDim : kRows / heads.kvHeads;
  const isWhole = Number.isInteger(perQuery) && perQuery !== headDim;
  const hasOtherCount = qRows !== undefined && qRows % headDim === 0;
  if (isWhole && (perQuery === perKey || !hasOtherCount)) return { headDim: perQuery };
  return {
    ...(hasOtherCount && qRows !== heads.qHeads * headDim ? { qHeads: qRows / headDim } : {}),
    ...(kRows !== undefined && kRows % headDim === 0 && perKey !== headDim ? { kvHeads: kRows / headDim } : {}),
  };
}

/** Rows of a projection whose other axis is right. */
function rowsOf(found: Found | undefined, hidden: number | undefined): number | undefined {
  return found?.shape.length === 2 && found.shape[1] === hidden ? found.shape[0] : undefined;
}

function reportHeadDim({ spec, attention }: CheckpointInput, headDim: number, shapes: Shapes, report: Report): void {
  const q = shapes.get('attn.q.weight');
  const place = spec.at('attention.head_dim')?.span ?? spec.at('attention.q_heads')?.span ?? spec.keySpan('attention');
  const args = { option: 'head_dim', here: attention.headDim, there: headDim, place: 'in the checkpoint' };
  const rows = q === undefined ? '' : `tensor \`${q.weight.source.tensor}\` is ${shapeText(q.shape)}: `;
  report('DIM002', place, args, [note(undefined, `${rows}${attention.heads.qHeads} heads of ${headDim}`)]);
}

function reportMemory(
  { spec, heads, attention }: CheckpointInput,
  implied: Implied,
  shapes: Shapes,
  report: Report,
): void {
  const { kvHeads } = heads.group;
  const key = shapes.get('attn.memory_k');
  const value = shapes.get('attn.memory_v');
  const [wrong] = [key, value].filter((one) => one?.shape.length === 3 && one.shape[0] !== kvHeads);
  const declared = spec.at('attention.memory_kv.heads')?.value ?? kvHeads;
  const memoryHeads = wrong?.shape[0];
  if (wrong !== undefined && memoryHeads !== undefined && memoryHeads !== implied.kvHeads && declared === kvHeads) {
    const notes = [kvHeadsNote(spec, heads), describe(wrong)];
    report('MEM001', spec.keySpan('attention.memory_kv'), { heads: memoryHeads, kvHeads, inCheckpoint: true }, notes);
  }
  const keyWidth = key?.shape.length === 3 ? key.shape[2] : undefined;
  if (key !== undefined && keyWidth !== undefined && keyWidth !== attention.headDim && implied.headDim === undefined) {
    const place = spec.keySpan('attention.memory_kv');
    report('MEM003', place, { width: keyWidth, headDim: attention.headDim }, [describe(key)]);
  }
  const width = value?.shape.length === 3 ? value.shape[2] : undefined;
  if (value !== undefined && width !== undefined && width !== attention.valueDim && implied.headDim === undefined) {
    const place = spec.at('attention.value_dim')?.span ?? spec.keySpan('attention.memory_kv');
    report('MEM002', place, { width, valueDim: attention.valueDim }, [describe(value)]);
  }
}

function describe({ weight, shape }: Found): ReturnType<typeof note> {
  return note(undefined, `tensor \`${weight.source.tensor}\` is ${shapeText(shape)}`);
}

/** The mismatch is a consequence of what has been reported. */
function followsFrom(
  input: CheckpointInput,
  implied: Implied,
  template: WeightTemplate,
  found: readonly number[],
): boolean {
  const name = shortName(template);
  const { headDim, valueDim } = input.attention;
  if (!name.startsWith('attn.')) return false;
  if (implied.headDim !== undefined) return true;
  const [first = 0, second = 0] = found;
  const perQuery = /^attn\.(q_norm|sinks|head_scale|head_gate|value_gate|mix_|t5)/;
  const perKey = /^attn\.(k_norm|v_norm|value_residual)/;
  if (perQuery.test(name) && first === implied.qHeads) return true;
  if (perKey.test(name) && first === implied.kvHeads) return true;
  if (implied.qHeads !== undefined) {
    if (name === 'attn.t5.weight' && second === implied.qHeads) return true;
    if (name === 'attn.value_gate.weight' && first === implied.qHeads * valueDim) return true;
    if (name === 'attn.o_gate.weight' && second === implied.qHeads * valueDim) return true;
    if (name === 'attn.q.bias' && first === implied.qHeads * headDim) return true;
    if (name === 'attn.o.weight' && second === implied.qHeads * valueDim) return true;
  }
  if (implied.kvHeads !== undefined) {
    if (name.startsWith('attn.v.') && first === implied.kvHeads * valueDim) return true;
    if (name === 'attn.k.bias' && first === implied.kvHeads * headDim) return true;
  }
  if (!name.startsWith('attn.memory_') || found.length !== 3) return false;
  // MEM001, MEM002 and MEM003 speak of heads and of widths; the number of slots is still to be told.
  return found[1] === input.attention.columns.memory;
}

function likelyCause(
  { attention }: CheckpointInput,
  template: WeightTemplate,
  found: readonly number[],
): string | undefined {
  const expected = template.shape;
  const name = shortName(template);
  const { headDim, valueDim } = attention;
  const isSwapped = found.length === 2 && found[0] === expected[1] && found[1] === expected[0];
  if (isSwapped) return 'the matrix looks transposed: weights are `[out, in]`, others are read with `transposed: true`';
  if (found.length !== expected.length)
    return `the tensor has ${count(found.length, 'axis').replace('axiss', 'axes')}, expected ${expected.length}`;
  const axis = expected.findIndex((extent, index) => found[index] !== extent);
  const extent = found[axis] ?? 0;
  const rest = found.every((size, index) => index === axis || size === expected[index]);
  const heads = headsOf(name, extent, headDim, valueDim);
  if (axis === 0 && heads !== undefined) return heads;
  if (axis === 0 && rest && extent === 2 * (expected[0] ?? 0)) {
    return `twice the rows, as in a fused matrix: name a range, \`[0:${expected[0]}]\` or \`[${expected[0]}:${extent}]\``;
  }
  const option = template.blame[axis];
  return option === undefined || option === 'attention.parameters' || name.startsWith('attn.o')
    ? undefined
    : `${option.split('.').slice(1).join('.')} ${extent}?`;
}

function headsOf(name: string, rows: number, headDim: number, valueDim: number): string | undefined {
  const projection = /^attn\.([qkv])\./.exec(name)?.[1];
  if (projection === undefined) return undefined;
  const width = projection === 'v' ? valueDim : headDim;
  const option = projection === 'q' ? 'q_heads' : 'kv_heads';
  if (rows % width !== 0) return undefined;
  return `has ${count(rows / width, 'head')} of ${width}: ${option} ${rows / width}?`;
}

/** The value of the option that is contradicted, or the nearest key that is written. */
function optionPlace({ spec, heads }: CheckpointInput, blame: OptionPath | undefined): Span {
  const path = blame === 'attention.kv_heads' ? heads.source : (blame ?? 'name');
  return writtenPlace(spec, path);
}

function writtenPlace(spec: BoundSpec, path: OptionPath): Span {
  const bound = spec.at(path);
  return bound?.origin === 'written' ? bound.span : spec.keySpan(path);
}

/** The tensor is the weight, apart from axes of one entry where frameworks add them. */
function fits({ shape, unitAxes }: WeightTemplate, found: readonly number[]): boolean {
  return sameShape(found, shape) || (unitAxes === true && sameShape(squeezed(found), squeezed(shape)));
}

function squeezed(shape: readonly number[]): readonly number[] {
  return shape.filter((extent) => extent !== 1);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}
