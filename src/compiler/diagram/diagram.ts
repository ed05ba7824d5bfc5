import type { AttentionShape, ShapedSpec } from '../check/shaped-spec.ts';
import { elementsOfToken } from '../facts/cache-size.ts';
import { describePositions } from '../facts/describe.ts';
import { distinct, runsOf, shortestPeriod } from '../facts/layer-pattern.ts';
import { parameterCount } from '../facts/parameters.ts';
import { headGroups } from './heads.ts';
import { keyColumnPicture } from './key-columns.ts';
import { layerStrip } from './layers.ts';
import { styleSheet } from './style.ts';
import { at, type Block, beside, element, escapeXml, rectangle, stack, text } from './svg.ts';

const width = 860;
const margin = 24;
const inner = width - 2 * margin;
/** More kinds of attention make a picture that nobody reads. */
const mostKinds = 4;

/** Says that the file may be written again. */
export const diagramMark = '<!-- drawn by gqac diagram -->';

/** Head groups, key columns and the pattern of layers as an SVG. The same spec gives the same bytes. */
export function drawDiagram(shaped: ShapedSpec): string {
  const kinds = attentionKinds(shaped);
  const shown = kinds.slice(0, mostKinds);
  const left = kinds.length - shown.length;
  const body = stack(
    [
      heading(shaped),
      ...(shaped.model === undefined ? [] : [layersOf(shaped)]),
      ...shown.map((kind) => attentionBlock(kind, shaped)),
      ...(left === 0 ? [] : [line(`and ${left} more kinds of attention`, 'quiet')]),
    ],
    30,
  );
  const height = body.height + 2 * margin;
  const title = element('title', {}, escapeXml(`${shaped.name}: attention`));
  const content = [
    title,
    element('style', {}, `\n${styleSheet}\n`),
    rectangle(0.5, 0.5, width - 1, height - 1, 'page', 8),
    at(margin, margin, body.svg),
  ];
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${Math.ceil(height)}`, role: 'img' };
  return `${element('svg', attributes, `\n${diagramMark}\n${content.join('\n')}\n`)}\n`;
}

interface AttentionKind {
  readonly attention: AttentionShape;
  /** Of the spec's kinds of layers, or what it attends to. */
  readonly name: string;
  readonly layers: readonly number[];
}

/** Each attention that differs from the others, in the order of its first layer. */
function attentionKinds({ layers, layerKinds = [] }: ShapedSpec): readonly AttentionKind[] {
  const found = new Map<string, { attention: AttentionShape; names: Set<string>; layers: number[] }>();
  for (const [layer, { attention }] of layers.entries()) {
    const key = JSON.stringify(attention);
    const kind = found.get(key) ?? { attention, names: new Set(), layers: [] };
    found.set(key, kind);
    kind.layers.push(layer);
    const name = layerKinds[layer];
    if (name !== undefined) kind.names.add(name);
  }
  return [...found.values()].map(({ attention, names, layers: own }) => ({
    attention,
    name: [...names].join(', ') || 'attention',
    layers: own,
  }));
}

function heading(shaped: ShapedSpec): Block {
  const { model } = shaped;
  const facts = [
    ...(model === undefined ? [] : [`hidden ${count(model.hidden)}`, `context ${count(model.context)}`]),
    `${count(parameterCount(shaped))} parameters`,
    `positions: ${describePositions(shaped)}`,
  ];
  return { svg: text(0, 16, shaped.name, 'title') + text(0, 40, facts.join(' · '), 'quiet'), height: 42 };
}

/** By the spec's kinds of layers, which may have the same attention and differ elsewhere. */
function layersOf({ layers, layerKinds = [] }: ShapedSpec): Block {
  const names = distinct(layerKinds);
  const kindOf = layers.map((_, layer) => Math.max(0, names.indexOf(layerKinds[layer] ?? '')));
  const title =
    names.length < 2 ? `${layers.length} layers, all alike` : `${layers.length} layers: ${patternText(kindOf, names)}`;
  return stack([line(title, 'heading'), layerStrip(kindOf, names, inner)], 8);
}

/** Such as `5 × local, 1 × global, repeated`. */
function patternText(kindOf: readonly number[], names: readonly string[]): string {
  const period = shortestPeriod(kindOf);
  const runs = runsOf(period);
  if (runs.length > 6) return `${names.length} kinds`;
  const text = runs.map(({ value, count: length }) => `${length} × ${names[value] ?? ''}`).join(', ');
  return period.length < kindOf.length ? `${text}, repeated` : text;
}

function attentionBlock({ attention, name }: AttentionKind, { layers }: ShapedSpec): Block {
  const { heads } = attention;
  const title = `${name}: ${headText(heads.qHeads, 'query head')} on ${headText(heads.kvHeads, 'KV head')}${heads.queriesPerKv > 1 ? `, ${heads.queriesPerKv} queries each` : ''}`;
  const cache = layers.length > 1 ? 'in each layer' : 'in the cache';
  const perToken = elementsOfToken(attention);
  const sub = [
    `keys ${attention.headDim} wide, values ${attention.valueDim}`,
    `${count(perToken)} numbers a token ${cache}${attention.latent?.cache === 'latent' ? ' (latent)' : ''}`,
  ];
  return stack(
    [
      {
        svg: text(0, 12, title, 'heading') + text(0, 32, [...sub, ...maskText(attention)].join(' · '), 'quiet'),
        height: 36,
      },
      beside(headGroups(heads, inner), keyColumnPicture(attention), inner),
    ],
    14,
  );
}

function maskText({ mask, sinks, softcap, cross }: AttentionShape): readonly string[] {
  return [
    ...(cross === undefined ? [mask.causal ? 'causal' : 'sees both sides'] : []),
    ...(mask.window === undefined ? [] : [`window ${count(mask.window)}`]),
    ...(mask.chunk === undefined ? [] : [`chunks of ${count(mask.chunk)}`]),
    ...(mask.prefix === undefined ? [] : ['with a prefix']),
    ...(mask.where === undefined ? [] : ['and a condition']),
    ...(sinks ? ['sinks'] : []),
    ...(softcap === undefined ? [] : [`softcap ${softcap.cap}`]),
  ];
}

const line = (content: string, style: string): Block => ({ svg: text(0, 12, content, style), height: 16 });
const count = (value: number): string => value.toLocaleString('en');
const headText = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;
