import type { Command } from 'commander';
import type { KeySegment } from '../compiler/check/key-columns.ts';
import type { AttentionShape, ShapedSpec, WeightSource } from '../compiler/check/shaped-spec.ts';
import type { Compiled } from '../compiler/compile.ts';
import { countOf, exitCodes, InputError, paletteFor } from './output.ts';

interface InspectFlags {
  readonly format: string;
  readonly weights?: string;
  readonly syntax?: string;
  readonly attention?: string;
}

export function register(program: Command): void {
  program
    .command('inspect')
    .description('print tensors, head groups, key columns, kernels and what was rejected')
    .argument('<spec>', 'spec file, or - for standard input')
    .option('--weights <path>', 'checkpoint, instead of the one that the spec names')
    .option('--syntax <syntax>', 'yaml or dsl: what the spec is in; by default its name or first line says so')
    .option('--attention <name>', 'which one, of a spec with several')
    .option('--format <format>', 'human or json', 'human')
    .action(async (path: string, flags: InspectFlags) => {
      process.exitCode = await inspect(path, flags);
    });
}

async function inspect(path: string, flags: InspectFlags): Promise<number> {
  if (flags.format !== 'human' && flags.format !== 'json')
    throw new InputError(`--format ${flags.format} is not known: use human or json`);
  const { loadOptions, loadSpec } = await import('./spec-files.ts');
  const { renderAll } = await import('../compiler/diagnostics/render-text.ts');
  const { compileModule } = await import('../compiler/compile.ts');
  const { shaped, diagnostics } = await loadSpec(path, loadOptions(flags));
  if (diagnostics.length > 0) process.stderr.write(renderAll(diagnostics, paletteFor(process.stderr)));
  if (shaped === undefined) return exitCodes.findings;
  const report = await describe(shaped, compileModule(shaped));
  process.stdout.write(flags.format === 'json' ? `${JSON.stringify(report, null, 2)}\n` : print(report));
  return exitCodes.clean;
}

type Report = Awaited<ReturnType<typeof describe>>;

async function describe(shaped: ShapedSpec, { programs }: Compiled) {
  const { keySegments } = await import('../compiler/check/key-columns.ts');
  const { kernelName } = await import('../compiler/plan/kernel-name.ts');
  const { parameterCount } = await import('../compiler/facts/parameters.ts');
  const { cacheBytesPerToken, memoryBytes, ringBytes } = await import('../compiler/plan/summary.ts');
  const { workgroupBytes } = await import('../compiler/plan/workgroup-memory.ts');
  const distinct = <T>(entries: readonly T[]) => [
    ...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values(),
  ];
  return {
    name: shaped.name,
    parameters: parameterCount(shaped),
    cacheBytesPerToken: cacheBytesPerToken(shaped),
    ringBytes: ringBytes(shaped),
    memoryBytes: memoryBytes(shaped),
    attention: attentionsOf(shaped).map(({ attention, kinds, layers }) => ({
      kinds,
      layers,
      heads: attention.heads,
      headDim: attention.headDim,
      valueDim: attention.valueDim,
      scale: attention.scale,
      cacheDtype: attention.cacheDtype,
      ...(attention.cacheLayout === undefined ? {} : { cacheLayout: attention.cacheLayout }),
      ...(attention.mask.window === undefined ? {} : { window: attention.mask.window }),
      ...(attention.rope === undefined ? {} : { rope: attention.rope }),
      groups: groupsOf(attention),
      keyColumns: keySegments.flatMap((segment) => columnsOf(segment, attention)),
    })),
    weights: shaped.weights.map(({ name, shape, role, source }) => ({
      name,
      shape,
      dtype: role === 'matrix' ? shaped.weightDtype : 'f32',
      source,
    })),
    variants: programs.map(({ profile, prefill, decode, prepare, sample, rejected }) => ({
      id: profile.id,
      for: profile.doc,
      kernels: distinct(
        [...prepare, ...prefill, ...decode, ...sample].map(({ plan }) => ({
          kernel: kernelName(plan),
          invocations: plan.threads,
          workgroupBytes: workgroupBytes(plan.workgroup),
        })),
      ),
      rejected: distinct(rejected.map(({ node, variant, reason }) => ({ stage: node.op, form: variant, reason }))),
    })),
  };
}

/** Each distinct attention with the layers that have it, in the order of their first; `kinds` is empty when all layers are alike. */
function attentionsOf({ layers, layerKinds = [] }: ShapedSpec) {
  const found = new Map<string, { attention: AttentionShape; kinds: string[]; layers: number[] }>();
  for (const [layer, { attention }] of layers.entries()) {
    const key = JSON.stringify(attention);
    const one = found.get(key) ?? { attention, kinds: [], layers: [] };
    found.set(key, one);
    one.layers.push(layer);
    const kind = layerKinds[layer];
    if (kind !== undefined && !one.kinds.includes(kind)) one.kinds.push(kind);
  }
  return [...found.values()];
}

/** A segment that this attention has, with its width; the sequence's widths are known per call only. */
function columnsOf(segment: KeySegment, { columns, inputs }: AttentionShape): readonly string[] {
  if (segment === 'zero' || segment === 'memory') return columns[segment] > 0 ? [`${segment} ${columns[segment]}`] : [];
  if (inputs === 'heads') return segment === 'new' ? ['given J'] : [];
  return [segment === 'cache' ? 'cache past' : 'new I'];
}

/** For each KV head the query heads that read it. */
function groupsOf({ heads }: AttentionShape): readonly (readonly number[])[] {
  const { kvHeads, queriesPerKv, order } = heads;
  return Array.from({ length: kvHeads }, (_, kv) =>
    Array.from({ length: queriesPerKv }, (_, g) => (order === 'blocked' ? kv * queriesPerKv + g : g * kvHeads + kv)),
  );
}

function layoutText(layout: AttentionShape['cacheLayout']): string {
  if (layout === undefined) return '';
  return layout.kind === 'ring' ? `, a ring of ${layout.rows} rows` : `, pages of ${layout.pageSize}`;
}

function print(report: Report): string {
  const lines = [
    `${report.name}: ${report.parameters.toLocaleString('en')} parameters`,
    `cache: ${report.cacheBytesPerToken.toLocaleString('en')} bytes a token${report.ringBytes > 0 ? `, rings of ${report.ringBytes.toLocaleString('en')} bytes a sequence` : ''}${report.memoryBytes > 0 ? `, learned memory ${report.memoryBytes.toLocaleString('en')} bytes` : ''}`,
  ];
  for (const one of report.attention) {
    const { heads, headDim, valueDim, scale, cacheDtype, groups, keyColumns } = one;
    const { layers, kinds, window, rope } = one;
    const where = kinds.length === 0 ? '' : ` of layers ${layers.join(', ')} (${kinds.join(', ')})`;
    lines.push(
      '',
      `attention${where}: ${countOf(heads.qHeads, 'query head')}, ${countOf(heads.kvHeads, 'KV head')}, ${heads.queriesPerKv} queries each (${heads.order})`,
    );
    lines.push(
      `  widths: keys ${headDim}, values ${valueDim}; scale ${scale}; cache ${cacheDtype}${layoutText(one.cacheLayout)}`,
    );
    lines.push(`  key columns: ${keyColumns.join(' | ')}${window === undefined ? '' : `; window ${window}`}`);
    if (rope !== undefined) {
      const scaling = rope.scaling === undefined ? '' : `, ${rope.scaling.kind} scaling`;
      lines.push(`  rope: ${rope.dim} entries, base ${rope.base}, ${rope.pairing}${scaling}`);
    }
    for (const [kv, members] of groups.slice(0, 16).entries())
      lines.push(`  KV head ${kv} <- query heads ${members.join(', ')}`);
    if (groups.length > 16) lines.push(`  … ${groups.length - 16} more`);
  }
  lines.push(
    '',
    'weights:',
    ...report.weights.map(
      ({ name, shape, dtype, source }) => `  ${name} [${shape.join(', ')}] ${dtype} <- ${sourceText(source)}`,
    ),
  );
  for (const variant of report.variants) {
    lines.push('', `variant ${variant.id} (${variant.for}):`);
    lines.push(
      ...variant.kernels.map(
        (k) =>
          `  ${k.kernel}: ${k.invocations} invocations, ${k.workgroupBytes.toLocaleString('en')} bytes of workgroup memory`,
      ),
    );
    lines.push(...variant.rejected.map(({ stage, form, reason }) => `  rejected for ${stage}: ${form}: ${reason}`));
  }
  return `${lines.join('\n')}\n`;
}

function sourceText({ tensor, transposed, rows, blocks }: WeightSource): string {
  const range = rows === undefined ? '' : `[${rows.join(':')}]`;
  const inBlocks =
    blocks === undefined
      ? ''
      : `, rows ${blocks.from} to ${blocks.from + blocks.size} of each ${blocks.stride}, ${blocks.count} times`;
  return `${tensor}${range}${transposed ? ', transposed' : ''}${inBlocks}`;
}
