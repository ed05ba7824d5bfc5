import type { ModuleDefinition } from '../runtime/abi1/definition.ts';
import { assembleDefinition } from './assemble/definition.ts';
import { type EmittedProgram, emitPrograms } from './assemble/emitted-program.ts';
import type { ShapedSpec } from './check/shaped-spec.ts';
import { lower } from './ir/lower.ts';
import type { AttnModule } from './ir/nodes.ts';
import { profiles, type TargetProfile } from './plan/profiles/profiles.ts';
import { planProgram } from './plan/program.ts';

/** Most demanding first: a module carries all of these, and the runtime takes the first that a device supports. */
export const allProfiles: readonly TargetProfile[] = Object.freeze(Object.values(profiles).reverse());

export interface Compiled {
  readonly module: AttnModule;
  readonly programs: readonly EmittedProgram[];
  readonly definition: ModuleDefinition;
}

/** The back half: a checked spec to everything that a generated module contains. Pure and deterministic. */
export function compileModule(shaped: ShapedSpec, targets: readonly TargetProfile[] = allProfiles): Compiled {
  const module = lower(shaped);
  const programs = emitPrograms(targets.map((profile) => planProgram(module, profile)));
  return Object.freeze({ module, programs, definition: assembleDefinition(shaped, module, programs) });
}
