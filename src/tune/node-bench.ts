import type { Difference } from '../verify/compare.ts';
import { isWithin } from '../verify/tolerances.ts';
import { allowedDifference, differenceOf } from './agreement.ts';
import { copiesBeyond } from './copies.ts';
import { NodeTrial } from './node-trial.ts';
import type { NodeVariant } from './node-variant.ts';
import { passMilliseconds, repetitionsIn, type Stopwatch } from './stopwatch.ts';
import type { Outcome } from './tune-report.ts';

export interface BenchDevice {
  readonly device: GPUDevice;
  readonly stopwatch: Stopwatch;
  /** The device keeps so many bytes in its cache: tensors of a decoded token that fit there are copied. 0: never. */
  readonly cacheBytes: number;
}

const roughMilliseconds = 2;
/** Of the fastest so far: what takes longer in a first short pass is looked at no further. */
const hopeless = 1.5;

/** Nodes as they were planned: what they gave and how long they took, and other schedules beside it. */
export class NodeBench {
  readonly planned: NodeVariant;
  readonly plannedMilliseconds: number;
  readonly #bench: BenchDevice;
  readonly #outputs: ReadonlyMap<string, Float32Array>;
  #least: number;

  private constructor(
    planned: NodeVariant,
    bench: BenchDevice,
    outputs: ReadonlyMap<string, Float32Array>,
    milliseconds: number,
  ) {
    this.planned = planned;
    this.plannedMilliseconds = milliseconds;
    this.#bench = bench;
    this.#outputs = outputs;
    this.#least = milliseconds;
  }

  /** Runs what was planned. @throws as `NodeTrial.create` */
  static async open(planned: NodeVariant, bench: BenchDevice): Promise<NodeBench> {
    const trial = await NodeTrial.create(bench.device, planned, copiesFor(planned, bench));
    try {
      const outputs = await trial.outputs();
      const one = await timeOf(trial, bench, { milliseconds: 0, passes: 1, each: 1 });
      const milliseconds = await timeOf(trial, bench, { milliseconds: passMilliseconds, passes: 3, each: one });
      return new NodeBench(planned, bench, outputs, milliseconds);
    } finally {
      trial.dispose();
    }
  }

  /** What another schedule makes of the nodes. @throws the error of a device that is lost */
  async run(variant: NodeVariant): Promise<Outcome> {
    try {
      const trial = await NodeTrial.create(this.#bench.device, variant, copiesFor(variant, this.#bench));
      try {
        return await this.#compare(trial, variant);
      } finally {
        trial.dispose();
      }
    } catch (error) {
      // The device's compiler may refuse what its limits allow; another candidate will do.
      if (error instanceof Error && error.name !== 'DeviceLostError') return { kind: 'refused', reason: error.message };
      throw error;
    }
  }

  async #compare(trial: NodeTrial, variant: NodeVariant): Promise<Outcome> {
    const difference = differenceOf(variant.stageNodes.nodes, await trial.outputs(), this.#outputs);
    if (!isWithin(difference, this.#allowed(variant))) return { kind: 'wrong', difference };
    const each = this.#least;
    const rough = await timeOf(trial, this.#bench, { milliseconds: roughMilliseconds, passes: 1, each });
    if (rough > hopeless * this.#least) return { kind: 'timed', milliseconds: rough, isRough: true };
    const milliseconds = await timeOf(trial, this.#bench, { milliseconds: passMilliseconds, passes: 3, each });
    this.#least = Math.min(this.#least, milliseconds);
    return { kind: 'timed', milliseconds };
  }

  #allowed({ dispatches }: NodeVariant): Difference {
    return allowedDifference(dispatches, this.planned.dispatches);
  }
}

function copiesFor({ stageNodes, bytesRead }: NodeVariant, { cacheBytes }: BenchDevice): number {
  return stageNodes.size.tokens > 1 ? 1 : copiesBeyond(cacheBytes, bytesRead());
}

interface Effort {
  /** Of a pass, about. */
  readonly milliseconds: number;
  readonly passes: number;
  /** Milliseconds that a repetition may take. */
  readonly each: number;
}

async function timeOf(trial: NodeTrial, { stopwatch }: BenchDevice, effort: Effort): Promise<number> {
  const { milliseconds, passes, each } = effort;
  const record = (pass: GPUComputePassEncoder, repetition: number) => trial.record(pass, repetition);
  return (await stopwatch.time(record, { repetitions: repetitionsIn(milliseconds, each), passes })).median;
}
