import { emitWgsl } from '../emit-wgsl/emit.ts';
import type { WgslModule } from '../emit-wgsl/kernel.ts';
import { uniqueNames } from '../plan/kernel-name.ts';
import type { KernelPlan } from '../plan/kernel-plan.ts';
import { dispatchesOf, type ProgramPlan } from '../plan/program.ts';

export interface EmittedKernel {
  readonly plan: KernelPlan;
  readonly wgsl: WgslModule;
}

/** A program with the text of its kernels. */
export interface EmittedProgram extends ProgramPlan {
  /** By name, in the order in which the program first runs them. */
  readonly kernels: ReadonlyMap<string, EmittedKernel>;
  readonly nameOf: (plan: KernelPlan) => string;
}

/** Programs for several targets share many kernels: each different one is emitted once. */
export function emitPrograms(programs: readonly ProgramPlan[]): readonly EmittedProgram[] {
  const texts = new Map<string, WgslModule>();
  const emitOnce = (plan: KernelPlan): WgslModule => {
    const key = JSON.stringify(plan);
    const wgsl = texts.get(key) ?? emitWgsl(plan);
    texts.set(key, wgsl);
    return wgsl;
  };
  return programs.map((program) => {
    const plans = dispatchesOf(program).map(({ plan }) => plan);
    const nameOf = uniqueNames(plans);
    const kernels = new Map<string, EmittedKernel>();
    for (const plan of plans) if (!kernels.has(nameOf(plan))) kernels.set(nameOf(plan), { plan, wgsl: emitOnce(plan) });
    return { ...program, kernels, nameOf };
  });
}
