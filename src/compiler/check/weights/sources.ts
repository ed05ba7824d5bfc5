import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { BoundSpec } from '../bind.ts';
import type { WeightShape, WeightSource } from '../shaped-spec.ts';
import { suggest } from '../suggest.ts';
import { quantizesEmbeddings, resolveQuantization } from './checkpoint.ts';
import { isQuantizable, type WeightTemplate } from './template.ts';
import { misfitOf, overlap, readTensorSource, sourceAt, type TensorSource, tensorParts } from './tensor-source.ts';

/** A weight template with its place in the checkpoint: one weight for each layer, or one. */
export interface SourcedTemplate {
  readonly template: WeightTemplate;
  readonly weights: readonly WeightShape[];
  /** For each of `weights`, its layer; [0] for a weight that is not in a layer. */
  readonly layers: readonly number[];
  /** Of the tensor's name, where it is mapped. */
  readonly span?: Span;
  /** Its mapping was reported: where it really lies is not known. */
  readonly isRefused: boolean;
}

/** Weights of layers that are alike. */
export interface TemplateGroup {
  readonly templates: readonly WeightTemplate[];
  readonly layers: readonly number[];
}

/** Applies `weights.names`. Reports WGT006 (no such weight), WGT007 (template), WGT008 (rows read twice). */
export function sourceWeights(
  spec: BoundSpec,
  groups: readonly TemplateGroup[],
  report: Report,
): readonly (readonly SourcedTemplate[])[] {
  const all = groups.flatMap(({ templates }) => templates);
  const { names, refused } = readNames(spec, all, report);
  const quantization = resolveQuantization(spec);
  const ofTokens = quantizesEmbeddings(spec);
  const sourced = groups.map((group) =>
    group.templates.map((template): SourcedTemplate => {
      const mapped = names.get(template.name);
      const from = mapped?.from ?? { name: { parts: template.name.split(/(\{i\})/).map(ownPart) }, part: {} };
      const layers = isLayered(template) ? group.layers.filter((layer) => layer >= (template.firstLayer ?? 0)) : [0];
      const weights = layers.map((layer) => ({
        ...weightOf(template, layer, sourceAt(from, layer, template.shape)),
        ...(quantization && isQuantizable(template, ofTokens) ? { quantization } : {}),
      }));
      const place = mapped === undefined ? {} : { span: mapped.span };
      return Object.freeze({ template, weights, layers, isRefused: refused.has(template.name), ...place });
    }),
  );
  reportReadTwice(spec, sourced.flat(), report);
  return Object.freeze(sourced);
}

/** There is one of it in each layer, or in each but the first ones. */
export function isLayered({ name }: WeightTemplate): boolean {
  return name.includes('{i}');
}

function ownPart(piece: string): TensorSource['name']['parts'][number] {
  return piece === '{i}' ? { factor: 1, offset: 0 } : piece;
}

function weightOf(template: WeightTemplate, layer: number, source: WeightSource): WeightShape {
  const { name, shape, role, blame: setBy } = template;
  return Object.freeze({ name: name.replace('{i}', String(layer)), shape, role, setBy, source });
}

interface MappedName {
  readonly from: TensorSource;
  readonly span: Span;
}

function readNames(
  spec: BoundSpec,
  templates: readonly WeightTemplate[],
  report: Report,
): { readonly names: ReadonlyMap<string, MappedName>; readonly refused: ReadonlySet<string> } {
  const byName = new Map<string, readonly WeightTemplate[]>();
  for (const one of templates) byName.set(one.name, [...(byName.get(one.name) ?? []), one]);
  const written = new Set(spec.names.map(({ key }) => key));
  const known = [...byName.keys()];
  const names = new Map<string, MappedName>();
  const refused = new Set<string>();
  for (const { key, keySpan, value } of spec.names) {
    const named = byName.get(key);
    if (named === undefined) {
      const suggestion = suggest(
        key,
        known.filter((one) => !written.has(one)),
      );
      const title = `rename it to \`${suggestion}\``;
      const fixes = suggestion === undefined ? [] : [{ title, edits: [{ span: keySpan, text: suggestion }] }];
      if (suggestion !== undefined) refused.add(suggestion);
      report('WGT006', keySpan, { name: key.slice(0, 100), suggestion, known }, [], fixes);
      continue;
    }
    const from = readTensorSource(value);
    // Layers of another kind may have the weight in another shape.
    const problem = 'problem' in from ? from.problem : named.map((one) => misfitOf(from, one)).find(Boolean);
    if (problem !== undefined) {
      refused.add(key);
      report('WGT007', value.span, { problem });
    } else if (!('problem' in from)) names.set(key, { from, span: value.span });
  }
  return { names, refused };
}

function reportReadTwice(spec: BoundSpec, sourced: readonly SourcedTemplate[], report: Report): void {
  const readers = new Map<string, { readonly by: SourcedTemplate; readonly source: WeightSource }[]>();
  const reported = new Set<string>();
  for (const by of sourced) {
    for (const { source } of by.weights.flatMap(tensorParts)) {
      const earlier = readers.get(source.tensor) ?? [];
      const clash = earlier.find((reader) => overlap(reader.source, source));
      const pair = `${clash?.by.template.name} ${by.template.name}`;
      if (clash !== undefined && !reported.has(pair)) {
        reported.add(pair);
        const args = { tensor: source.tensor, first: clash.by.template.name, second: by.template.name };
        const place = by.span ?? clash.by.span ?? spec.keySpan('weights');
        report('WGT008', place, args, clash.by.span === undefined ? [] : [note(clash.by.span, 'the first')]);
      }
      if (clash === undefined) readers.set(source.tensor, [...earlier, { by, source }]);
    }
  }
}
