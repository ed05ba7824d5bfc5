import { countsText } from '../../src/cli/reports/tune-table.ts';
import type { StageReport } from '../../src/tune/tune-report.ts';
import type { Measurement } from './attention.ts';
import { mainCases, variedCases, wideCases } from './cases.ts';
import type { ModelMeasurement } from './model.ts';
import { type BenchResult, milliseconds } from './report.ts';

/** What `flash-attention.py` writes. */
export interface PyTorchResult {
  readonly torch: string;
  /** Where its figures are not of the same run. */
  readonly note?: string;
  readonly timings: readonly {
    readonly backend: 'flash' | 'cudnn';
    readonly tokens: number;
    readonly keys: number;
    readonly milliseconds: number;
  }[];
}

/** What `gqac tune` writes beside schedules. */
export interface TunedProfile {
  readonly measured: {
    readonly date: string;
    readonly driver: string;
    readonly dawn: string;
    readonly calls: Readonly<Record<string, { readonly tokens: number; readonly keys: number }>>;
    readonly stages: Readonly<
      Record<string, { readonly candidates: Readonly<Record<string, number>>; readonly specs: StageReport['specs'] }>
    >;
  };
}

export interface Figures {
  readonly bench: BenchResult;
  readonly pytorch: PyTorchResult;
  readonly tuned: readonly TunedProfile[];
}

/** Markdown of each block of figures, by the name that the pages call it. */
const blocks: Readonly<Record<string, (figures: Figures) => string>> = {
  run: ({ bench: { device, driver, date }, pytorch: { torch, note } }) =>
    `One run on one machine, peers included: ${device}, driver ${driver}, Dawn of npm webgpu, PyTorch ${torch}${note === undefined ? '' : ` (${note})`}, ${date}.`,
  peers: peersTable,
  variants: variantsTable,
  exactness: exactnessLine,
  models: modelsTable,
  tuned: tunedTable,
  summary: summaryTable,
};

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const find = ({ bench }: Figures, name: string, profile: string) =>
  bench.measurements.find((one) => one.case.name === name && one.profile === profile);

const timeOf = (found: Measurement | undefined) => (found === undefined ? '' : milliseconds(found.timing.median));

function pytorchTime({ pytorch }: Figures, backend: string, { tokens, keys }: Measurement['case']): string {
  const found = pytorch.timings.find(
    (timing) => timing.backend === backend && timing.tokens === tokens && timing.keys === keys,
  );
  return found === undefined ? '' : milliseconds(found.milliseconds);
}

function peersTable(figures: Figures): string {
  const header = [
    '',
    '`matrix`',
    '`f16`',
    '`matrix`, f32 in and out',
    '`baseline`, f32 in and out',
    'FlashAttention-2',
    'cuDNN',
    'onnxruntime WebGPU + copies of its cache',
  ];
  const rows = mainCases.map((one, index) => {
    const peer = figures.bench.peers?.find(({ name }) => name === one.name);
    return [
      one.name,
      ...['matrix', 'f16'].map((profile) => timeOf(find(figures, one.name, profile))),
      ...['matrix', 'baseline'].map((profile) => timeOf(find(figures, wideCases[index]?.name ?? '', profile))),
      pytorchTime(figures, 'flash', one),
      pytorchTime(figures, 'cudnn', one),
      peer === undefined ? '' : `${milliseconds(peer.attention)} + ${milliseconds(peer.copies)}`,
    ];
  });
  return table(header, rows);
}

function variantsTable(figures: Figures): string {
  const found = [...mainCases, ...wideCases, ...variedCases].flatMap(({ name }) => find(figures, name, 'matrix') ?? []);
  return table(
    ['`matrix`', 'time', 'of the floor', 'worst row'],
    found.map(({ case: { name }, timing, floor, errors }) => [
      name,
      milliseconds(timing.median),
      floor === undefined ? '' : `${Math.round((100 * floor) / timing.median)} %`,
      errors.worstRow.toExponential(1),
    ]),
  );
}

function exactnessLine({ bench: { measurements, exactness = [] } }: Figures): string {
  const worst = (profile: string) =>
    Math.max(
      ...measurements.filter((one) => one.profile === profile).map(({ errors }) => errors.worstRow),
    ).toExponential(1);
  const worstOfLarge = (profile: string) =>
    Math.max(...exactness.filter((one) => one.profile === profile).map(({ worstRow }) => worstRow)).toExponential(1);
  const large =
    exactness.length === 0
      ? ''
      : `\nOver ${new Set(exactness.map(({ name }) => name)).size} cases at logits of tens and of ±10,000: ${worstOfLarge('matrix')} on \`matrix\`, ${worstOfLarge('f16')} on \`f16\`.`;
  return `Worst rows of the portable kernels: ${worst('f16')} with products of f16, ${worst('baseline')} in f32.${large}`;
}

function modelsTable({ bench: { models = [] } }: Figures): string {
  return table(
    ['weights', 'loaded in', 'on the device', 'tokens a second', 'weights read', 'first token after 2,048'],
    models.map((model) => [
      model.embeddings === 'kept' ? model.dtype : `${model.dtype}, the table of tokens, too`,
      `${model.loadSeconds.toFixed(1)} s`,
      `${(model.devicePeak / 1e9).toFixed(2)} GB`,
      rateText(model),
      `${(model.weightBytesPerSecond / 1e12).toFixed(2)} TB/s`,
      milliseconds(model.firstTokenMs),
    ]),
  );
}

/** The median, and the slowest and the fastest generation. */
function rateText({ tokensPerSecond, rates }: ModelMeasurement): string {
  const median = tokensPerSecond.toFixed(0);
  if (rates.length === 1) return median;
  return `${median} (${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)})`;
}

function tunedTable({ tuned }: Figures): string {
  const rows = tuned.flatMap(({ measured: { calls, stages } }) =>
    Object.entries(stages).flatMap(([stage, { candidates, specs }]) =>
      specs.map(({ name, plannedMilliseconds, leastMilliseconds }) => [
        `\`${stage}\``,
        `\`${name}\`, ${callText(stage, calls[name])}`,
        milliseconds(plannedMilliseconds),
        milliseconds(leastMilliseconds),
        (plannedMilliseconds / leastMilliseconds).toFixed(2),
        countsText(candidates),
      ]),
    ),
  );
  return table(['stage', 'spec', 'planned', 'fastest', 'planned ÷ fastest', 'candidates'], rows);
}

const counted = (value: number | undefined) => value?.toLocaleString('en') ?? '';
const callText = (stage: string, sizes: { readonly tokens: number; readonly keys: number } | undefined) =>
  stage.endsWith('_matrix') ? `${counted(sizes?.tokens)} tokens` : `one token on ${counted(sizes?.keys)}`;

/** What the project's own page says. */
function summaryTable(figures: Figures): string {
  const [prefill, , , decode] = mainCases;
  const [widePrefill] = wideCases;
  const [model] = figures.bench.models ?? [];
  if (prefill === undefined || decode === undefined || widePrefill === undefined) return '';
  const times = (name: string, profiles: readonly string[]) =>
    profiles.map((profile) => timeOf(find(figures, name, profile)));
  const [matrix, f16] = times(prefill.name, ['matrix', 'f16']);
  const [wideMatrix, wide] = times(widePrefill.name, ['matrix', 'baseline']);
  return table(
    ['on an H100', 'measured'],
    [
      [
        'attention of 32 heads on 8, 2,048 tokens',
        `${matrix} with subgroup matrices, ${f16} without; ${wideMatrix} and ${wide} with queries and outputs of f32; FlashAttention-2 ${pytorchTime(figures, 'flash', prefill)}`,
      ],
      [
        'decoding on 32,768 keys',
        `${times(decode.name, ['matrix'])[0]}; FlashAttention-2 ${pytorchTime(figures, 'flash', decode)}`,
      ],
      ...(model === undefined
        ? []
        : [
            [
              'a model of 1.24 billion parameters in f16',
              `${model.tokensPerSecond.toFixed(0)} tokens a second; the first after 2,048 in ${milliseconds(model.firstTokenMs)}`,
            ],
          ]),
    ],
  );
}

const block = /(<!-- figures: (\w+)[^>]*-->)[\s\S]*?(<!-- end of figures -->)/g;

/** The page with its blocks of figures filled in. */
export function withFigures(page: string, figures: Figures): string {
  return page.replace(block, (_, begin: string, name: string, end: string) => {
    const fill = blocks[name];
    if (fill === undefined) throw new Error(`no figures are named ${name}`);
    return `${begin}\n${fill(figures)}\n${end}`;
  });
}
