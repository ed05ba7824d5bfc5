import type { BytesByDtype } from './cache-size.ts';
import { runsOf } from './layer-pattern.ts';
import type { ModelFacts } from './model-facts.ts';
import { decimal, inUnits } from './units.ts';

/** A column of the tables for people. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly text: (facts: ModelFacts) => string;
}

const left = (title: string, text: Column['text']): Column => ({ title, align: 'left', text });
const right = (title: string, text: Column['text']): Column => ({ title, align: 'right', text });

export const columns: readonly Column[] = [
  left('name', ({ name }) => name),
  right('layers', ({ layers }) => count(layers)),
  right('hidden', ({ hidden }) => count(hidden)),
  right('query heads', ({ qHeads }) => list(qHeads)),
  right('KV heads', ({ kvHeads, latent }) =>
    latent === undefined ? list(kvHeads) : `latent ${latent.kvRank} + ${latent.ropeDim}`,
  ),
  right('group', ({ groupSize }) => list(groupSize)),
  right('head dim', ({ headDim }) => list(headDim)),
  right('value dim', ({ valueDim }) => list(valueDim)),
  right('context', ({ context }) => count(context)),
  left('window', ({ windows }) => windowText(windows)),
  left('positions', ({ positions }) => positions),
  left('norm', ({ norm }) => norm ?? dash),
  left('MLP', ({ mlp }) => mlp ?? dash),
  left('sinks, memory', ({ sinks, memorySlots }) => extraText(sinks, memorySlots)),
  right('parameters', ({ parameters }) => count(parameters)),
  right('active', ({ parameters, parametersActive }) =>
    parametersActive === parameters ? 'all' : count(parametersActive),
  ),
  right('KV bytes per token (f32 / f16 / int8)', ({ kvBytesPerToken, kvBytesStored: { perToken } }) =>
    perDtype(kvBytesPerToken, count, perToken),
  ),
  right('KV cache at full context (f32 / f16 / int8)', ({ kvBytesAtContext, kvBytesStored: { atContext } }) =>
    kvBytesAtContext === undefined
      ? dash
      : perDtype(kvBytesAtContext, (bytes) => inUnits(bytes, 1024, byteUnits), atContext),
  ),
  right('smaller than with K = H', ({ timesSmallerThanMha }) => `${decimal(timesSmallerThanMha)}×`),
  right('attention FLOPs per token', ({ attentionFlops }) =>
    attentionFlops === undefined ? dash : inUnits(attentionFlops.projections + attentionFlops.columns, 1000, flopUnits),
  ),
];

const dash = '–';
const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const flopUnits = ['', 'k', 'M', 'G', 'T'];

const count = (value: number | undefined): string => (value === undefined ? dash : value.toLocaleString('en'));
const list = (values: readonly number[]): string => values.map(count).join(' / ');

/** With what is stored, where that is none of the three: some heads have another dtype than others. */
function perDtype({ f32, f16, int8 }: BytesByDtype, text: (bytes: number) => string, stored?: number): string {
  const three = [f32, f16, int8];
  const own = stored === undefined || three.includes(stored) ? '' : `; ${text(stored)} as stored`;
  return `${three.map(text).join(' / ')}${own}`;
}

/** Such as `5 × 512, 1 × all`; the pattern repeats over the layers. */
function windowText(windows: ModelFacts['windows']): string {
  const text = (window: number | null) => (window === null ? 'all' : count(window));
  const runs = runsOf(windows);
  if (runs.length === 1) return windows[0] === null ? dash : text(windows[0] ?? null);
  return runs.map(({ value, count: length }) => `${length} × ${text(value)}`).join(', ');
}

function extraText(sinks: boolean, memorySlots: readonly number[]): string {
  const memory = memorySlots.some((slots) => slots > 0) ? [`memory ${list(memorySlots)}`] : [];
  return [...(sinks ? ['sinks'] : []), ...memory].join(', ') || dash;
}
