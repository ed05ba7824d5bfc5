import type { TargetProfile } from '../compiler/plan/profiles/profiles.ts';
import {
  type Candidates,
  type ScheduledStage,
  scheduledStages,
} from '../compiler/plan/profiles/schedule-candidates.ts';
import { planProgram } from '../compiler/plan/program.ts';
import { CompileAhead } from './compile-ahead.ts';
import type { BenchDevice } from './node-bench.ts';
import type { Workload } from './node-variant.ts';
import { nodesByStage } from './stage-nodes.ts';
import type { StageReport } from './tune-report.ts';
import { type StageOptions, tuneStage } from './tune-stage.ts';

export interface TuneOptions extends BenchDevice {
  /** Schedules to try; a stage without any stays as planned. */
  readonly candidates: Candidates;
  /** Modules that are compiled at a time before it is their turn; 0 where that takes time from what is timed. */
  readonly ahead: number;
  /** For all stages: each of them may take its share of what is left. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onCandidate?: (stage: ScheduledStage, tried: number, count: number) => void;
}

/** Tries every candidate for every stage of the specs' programs. Throws the signal's reason when it is aborted. */
export async function tuneModule(
  workloads: readonly Workload[],
  profile: TargetProfile,
  options: TuneOptions,
): Promise<readonly StageReport[]> {
  const stages = stagesOf(workloads, profile, options.candidates);
  const deadline = performance.now() + options.seconds * 1e3;
  const compiling = new CompileAhead(options.device, options.ahead);
  const reports: StageReport[] = [];
  try {
    for (const [index, { stage, works }] of stages.entries()) {
      const share = (deadline - performance.now()) / (stages.length - index);
      const stageOptions: StageOptions = {
        profile,
        bench: options,
        compiling,
        deadline: performance.now() + share,
        signal: options.signal,
        onCandidate: (tried, count) => options.onCandidate?.(stage, tried, count),
      };
      reports.push(await tuneStage(stage, options.candidates[stage] ?? [], works, stageOptions));
    }
  } finally {
    await compiling.settled();
  }
  return reports;
}

/** Stages that have candidates and serve any of the workloads, with those that they serve: small ones first, which leave time to the others. */
function stagesOf(workloads: readonly Workload[], profile: TargetProfile, candidates: Candidates) {
  const found = workloads.map((workload) => ({
    workload,
    byStage: nodesByStage(planProgram(workload.module, profile), workload.sizes),
  }));
  return scheduledStages
    .filter((stage) => candidates[stage] !== undefined)
    .sort((a, b) => (candidates[a]?.length ?? 0) - (candidates[b]?.length ?? 0))
    .map((stage) => ({
      stage,
      works: found.flatMap(({ workload, byStage }) => {
        const nodes = byStage.get(stage);
        return nodes === undefined ? [] : [{ workload, nodes }];
      }),
    }))
    .filter(({ works }) => works.length > 0);
}
