import { note } from '../../diagnostics/diagnostic.ts';
import { shapeText } from '../../diagnostics/entry.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { SourcedTemplate } from '../weights/sources.ts';
import type { CheckpointInput, Found } from './checkpoint-input.ts';
import { kvHeadsNote } from './memory.ts';

/** Weights with an axis of heads whose tensor has another one: NRM001, RES001, SNK001, DIM003. True when one of them was reported. */
export function explainHeads(input: CheckpointInput, sourced: SourcedTemplate, found: Found, report: Report): boolean {
  const { spec, heads } = input;
  const { name, shape: expected } = sourced.template;
  const tensor = found.weight.source.tensor;
  const [rows = 0] = found.shape;
  const part = /attn\.(\w+)/.exec(name)?.[1] ?? '';
  if (part === 'sinks') {
    const args = { tensor, found: found.shape, qHeads: heads.group.qHeads };
    report('SNK001', spec.keySpan('attention.sinks'), args);
    return true;
  }
  if (part === 'value_residual') {
    const others = found.shape.slice(1);
    if (others.some((extent, axis) => extent !== expected[axis + 1]) || found.shape.length !== expected.length)
      return false;
    const args = { heads: rows, kvHeads: heads.group.kvHeads };
    report('RES001', spec.keySpan('attention.value_residual'), args, [kvHeadsNote(spec, heads)]);
    return true;
  }
  if (part === 'o' || part === 'o_gate') return explainOutput(input, sourced, found, report);
  const norm = /^([qkv])_norm(\d?)$/.exec(part);
  if (norm === null) return false;
  const option = norm[1] === 'v' ? 'attention.value_norm' : 'attention.qk_norm';
  const notes = sourced.span === undefined ? [] : [note(sourced.span, `\`${name}\` is read from here`)];
  const args = { tensor, found: found.shape, expected, help: normHelp(norm[1] ?? '', found.shape, expected) };
  report('NRM001', spec.keySpan(option), args, notes);
  return true;
}

/** The output has the heads of queries and the width of values, whatever keys have. */
function explainOutput({ spec, attention }: CheckpointInput, sourced: SourcedTemplate, found: Found, report: Report) {
  const { qHeads, kvHeads } = attention.heads;
  const { headDim, valueDim } = attention;
  const [rows, read] = found.shape;
  const others = [
    { heads: qHeads, width: headDim },
    { heads: kvHeads, width: valueDim },
  ];
  const like = others.find(({ heads, width }) => heads * width === read);
  if (found.shape.length !== 2 || rows !== sourced.template.shape[0] || like === undefined) return false;
  const place = spec.at('attention.value_dim')?.span ?? spec.keySpan('attention.q_heads');
  const shape = note(undefined, `tensor \`${found.weight.source.tensor}\` is ${shapeText(found.shape)}`);
  report('DIM003', place, { read: like, made: { heads: qHeads, width: valueDim } }, [shape]);
  return true;
}

function normHelp(side: string, shape: readonly number[], expected: readonly number[]): string {
  const found = shape.filter((extent) => extent !== 1);
  const width = expected.at(-1);
  if (expected.length === 2 && found.length === 1 && found[0] === width)
    return 'one weight for all heads: write `weight: shared`';
  if (expected.length === 1 && found.length === 2 && found[1] === width)
    return 'a weight for each head: write `weight: per_head`';
  if (found.at(-1) !== width) return `expected ${width} entries, the width of a head`;
  const heads = side === 'q' ? 'query heads' : 'KV heads';
  return `expected ${expected[0]} rows, one for each of the ${heads}`;
}
