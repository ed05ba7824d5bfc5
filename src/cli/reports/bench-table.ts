import type { DeviceCeilings } from '../../compiler/facts/devices.ts';
import { type CallSize, floorOf, type KernelCost } from '../../compiler/facts/kernel-costs.ts';
import { durationText, inUnits } from '../../compiler/facts/units.ts';
import type { CallTiming } from '../../tune/call-bench.ts';

export interface CallReport {
  readonly call: 'prefill' | 'decode';
  readonly size: CallSize;
  readonly costs: readonly KernelCost[];
  readonly timing: CallTiming;
}

export interface BenchFacts {
  readonly name: string;
  readonly adapter: string;
  readonly variant: string;
  readonly timedBy: string;
  /** Of this device, where they are known: what its least times follow from. */
  readonly ceilings?: DeviceCeilings;
}

export type BenchReport = ReturnType<typeof benchReport>;

/** Times in milliseconds, of all dispatches of a kernel in one call. */
export function benchReport({ ceilings, ...facts }: BenchFacts, calls: readonly CallReport[]) {
  return {
    schemaVersion: 1,
    ...facts,
    calls: calls.map(({ call, size, costs, timing: { whole, kernels } }) => {
      const rows = costs.map((cost, index) => ({
        ...cost,
        milliseconds: kernels[index]?.median ?? 0,
        ...(ceilings && { floorMilliseconds: 1e3 * floorOf(cost, ceilings).seconds }),
      }));
      const floor = rows.reduce((sum, { floorMilliseconds = 0 }) => sum + floorMilliseconds, 0);
      return {
        call,
        tokens: size.tokens,
        keys: size.keys,
        milliseconds: whole.median,
        least: whole.least,
        most: whole.most,
        ...(ceilings && { floorMilliseconds: floor }),
        kernels: rows,
      };
    }),
  };
}

const time = (milliseconds: number) => durationText(milliseconds / 1e3);
const perSecond = (amount: number, milliseconds: number, units: readonly string[]) =>
  amount === 0 ? '' : inUnits((1e3 * amount) / milliseconds, 1000, units);
const byteRates = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'];
const flopRates = ['FLOP/s', 'kFLOP/s', 'MFLOP/s', 'GFLOP/s', 'TFLOP/s'];

/** The report for people. */
export function benchTable({ name, adapter, variant, timedBy, calls }: BenchReport): string {
  const lines = [adapter, `${name}, variant ${variant}, timed by ${timedBy}`, ...calls.flatMap(callLines)];
  return `${lines.join('\n')}\n`;
}

function callLines({ call, tokens, keys, kernels, ...whole }: BenchReport['calls'][number]): readonly string[] {
  const width = Math.max(...kernels.map(({ kernel }) => kernel.length));
  const row = (kernel: string, cells: readonly string[]) =>
    `  ${kernel.padEnd(width)}${cells.map((cell) => cell.padStart(13)).join('')}`.trimEnd();
  const { floorMilliseconds: floor } = whole;
  const atLeast = floor === undefined ? '' : `, ${time(floor)} at least`;
  const shape = `${tokens.toLocaleString('en')} ${tokens === 1 ? 'token' : 'tokens'}, ${keys.toLocaleString('en')} keys`;
  return [
    '',
    `${call} of ${shape}: ${time(whole.milliseconds)} (${time(whole.least)} to ${time(whole.most)})${atLeast}`,
    row('', ['times', 'time', ...(floor === undefined ? [] : ['floor', 'reached']), 'bytes', 'products']),
    ...kernels.map((one) =>
      row(one.kernel, [
        String(one.dispatches),
        time(one.milliseconds),
        ...floorCells(one),
        perSecond(one.bytesRead + one.bytesWritten, one.milliseconds, byteRates),
        perSecond(one.flops, one.milliseconds, flopRates),
      ]),
    ),
  ];
}

interface Timed {
  readonly milliseconds: number;
  readonly floorMilliseconds?: number;
}

/** What a device needs at least, and what part of the time that is. */
const floorCells = ({ milliseconds, floorMilliseconds: floor }: Timed) =>
  floor === undefined ? [] : [time(floor), `${Math.round((100 * floor) / milliseconds)} %`];
