import type { AttentionShape, WeightSource } from '../../compiler/check/shaped-spec.ts';
import type { CallCost } from '../../compiler/facts/cost-report.ts';
import { durationText, inUnits } from '../../compiler/facts/units.ts';
import { countOf } from '../output.ts';
import type { Report } from './inspect-report.ts';

function layoutText(layout: AttentionShape['cacheLayout']): string {
  if (layout === undefined) return '';
  return layout.kind === 'ring' ? `, a ring of ${layout.rows} rows` : `, pages of ${layout.pageSize}`;
}

/** The report for people. */
export function printReport(report: Report): string {
  const lines = [
    `${report.name}: ${report.parameters.toLocaleString('en')} parameters in ${report.weightBytes.toLocaleString('en')} bytes`,
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
    for (const { qHeads, kvHeads, cacheDtype: dtype } of one.classes ?? [])
      lines.push(
        `  computed by themselves: query heads ${qHeads.join(', ')} on KV heads ${kvHeads.join(', ')}, cache ${dtype}`,
      );
    if (groups.length > 16) lines.push(`  … ${groups.length - 16} more`);
  }
  lines.push(
    '',
    'weights:',
    ...report.weights.map(
      ({ name, shape, dtype, group, source }) =>
        `  ${name} [${shape.join(', ')}] ${dtype}${group === undefined ? '' : ` in groups of ${group}`} <- ${sourceText(source)}`,
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
    for (const call of variant.calls) lines.push(...costLines(call, report.device));
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

const bytes = (value: number) => inUnits(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
const flops = (value: number) => inUnits(value, 1000, ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP']);

/** A table of what each kernel has to do, and the least time that takes. */
function costLines({ call, tokens, keys, kernels, floorSeconds }: CallCost, device: string): readonly string[] {
  const shape = `${tokens.toLocaleString('en')} ${tokens === 1 ? 'token' : 'tokens'}, ${keys.toLocaleString('en')} keys`;
  const width = Math.max(...kernels.map(({ kernel }) => kernel.length));
  const row = (name: string, cells: readonly string[]) =>
    `    ${name.padEnd(width)} ${cells.map((cell) => cell.padStart(12)).join('')}`;
  return [
    `  ${call} of ${shape}, on ${device} ${durationText(floorSeconds)} at least:`,
    row('', ['times', 'read', 'written', 'products', 'floor']).concat('  bound by'),
    ...kernels.map(({ kernel, dispatches, bytesRead, bytesWritten, flops: products, floor }) =>
      row(kernel, [
        String(dispatches),
        bytes(bytesRead),
        bytes(bytesWritten),
        products === 0 ? '' : flops(products),
        durationText(floor.seconds),
      ]).concat(`  ${floor.boundBy}`),
    ),
  ];
}
