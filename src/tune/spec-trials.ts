import { kernelName } from '../compiler/plan/kernel-name.ts';
import type { TargetProfile } from '../compiler/plan/profiles/profiles.ts';
import type { ScheduledStage } from '../compiler/plan/profiles/schedule-candidates.ts';
import { planProgram } from '../compiler/plan/program.ts';
import type { CompileAhead } from './compile-ahead.ts';
import { type BenchDevice, NodeBench } from './node-bench.ts';
import { type NodeVariant, nodeVariant, type Workload } from './node-variant.ts';
import type { StageNodes } from './stage-nodes.ts';
import type { Outcome } from './tune-report.ts';

export interface TrialOptions {
  readonly profile: TargetProfile;
  readonly bench: BenchDevice;
  readonly compiling: CompileAhead;
  readonly signal: AbortSignal;
}

/** A workload's nodes that a stage serves. */
export interface StageWork {
  readonly workload: Workload;
  readonly nodes: readonly StageNodes[];
}

/** The nodes of one spec that a stage serves. */
export class SpecTrials {
  readonly name: string;
  readonly kernels: readonly string[];
  readonly plannedMilliseconds: number;
  readonly #stage: ScheduledStage;
  readonly #work: StageWork;
  readonly #benches: readonly NodeBench[];
  readonly #options: TrialOptions;
  /** Outcomes by the kernels of all nodes. */
  readonly #known: Map<string, Outcome>;

  private constructor(stage: ScheduledStage, work: StageWork, benches: readonly NodeBench[], options: TrialOptions) {
    this.name = work.workload.name;
    this.#stage = stage;
    this.#work = work;
    this.#benches = benches;
    this.#options = options;
    const planned = benches.map((bench) => bench.planned);
    this.kernels = planned.map(({ dispatches }) => nameOf(stage, dispatches));
    this.plannedMilliseconds = sum(benches.map((bench) => timesCount(bench, bench.plannedMilliseconds)));
    this.#known = new Map([[keyOf(planned), { kind: 'timed', milliseconds: this.plannedMilliseconds }]]);
  }

  static async open(stage: ScheduledStage, work: StageWork, options: TrialOptions): Promise<SpecTrials> {
    const variants = variantsOf(work, options.profile);
    for (const { key, define } of variants) options.compiling.begin(key, define);
    const benches: NodeBench[] = [];
    for (const variant of variants) {
      options.signal.throwIfAborted();
      benches.push(await NodeBench.open(variant, options.bench));
    }
    return new SpecTrials(stage, work, benches, options);
  }

  variants(profile: TargetProfile): readonly NodeVariant[] {
    return variantsOf(this.#work, profile);
  }

  isPlanned(variants: readonly NodeVariant[]): boolean {
    return this.#benches.every(({ planned }, index) => variants[index]?.key === planned.key);
  }

  /** Begins to compile what is not known. */
  compile(variants: readonly NodeVariant[]): void {
    if (this.#known.has(keyOf(variants))) return;
    for (const { key, define } of variants) this.#options.compiling.begin(key, define);
  }

  async try(variants: readonly NodeVariant[], isLate: boolean): Promise<Outcome> {
    const reason = this.#reasonAgainst(variants);
    if (reason !== undefined) return { kind: 'unfit', reason };
    const key = keyOf(variants);
    const known = this.#known.get(key);
    if (known !== undefined) return { kind: 'same', as: known };
    if (isLate) return { kind: 'untried' };
    const outcome = await this.#run(variants);
    this.#known.set(key, outcome);
    return outcome;
  }

  /** A schedule that does not fit is passed over for the planner's own, which leaves one reason more. */
  #reasonAgainst(variants: readonly NodeVariant[]): string | undefined {
    const serves = variants.some(({ dispatches }) => dispatches.some(({ plan }) => plan.stage === this.#stage));
    if (serves && !this.isPlanned(variants)) return undefined;
    const planned = this.#benches.flatMap((bench) => bench.planned.reasons);
    const [reason] = without(
      variants.flatMap(({ reasons }) => reasons),
      planned,
    );
    return reason ?? (serves ? undefined : 'another form serves');
  }

  async #run(variants: readonly NodeVariant[]): Promise<Outcome> {
    let milliseconds = 0;
    let isRough = false;
    for (const [index, bench] of this.#benches.entries()) {
      this.#options.signal.throwIfAborted();
      const variant = variants[index];
      const isPlanned = variant === undefined || variant.key === bench.planned.key;
      const outcome: Outcome = isPlanned
        ? { kind: 'timed', milliseconds: bench.plannedMilliseconds }
        : await bench.run(variant);
      if (outcome.kind !== 'timed') return outcome;
      milliseconds += timesCount(bench, outcome.milliseconds);
      isRough ||= outcome.isRough === true;
    }
    return { kind: 'timed', milliseconds, ...(isRough && { isRough }) };
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
const timesCount = ({ planned }: NodeBench, milliseconds: number) => planned.stageNodes.count * milliseconds;
const keyOf = (variants: readonly NodeVariant[]) => variants.map(({ key }) => key).join();

function variantsOf({ workload, nodes }: StageWork, profile: TargetProfile): readonly NodeVariant[] {
  const program = planProgram(workload.module, profile);
  return nodes.map((one) => nodeVariant(workload, one, program));
}

/** What is left when each of the others is taken away once. */
function without(reasons: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...reasons];
  for (const other of others) {
    const at = left.indexOf(other);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

function nameOf(stage: ScheduledStage, dispatches: NodeVariant['dispatches']): string {
  const found = dispatches.find(({ plan }) => plan.stage === stage);
  return found === undefined ? stage : kernelName(found.plan);
}
