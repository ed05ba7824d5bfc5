import type { ShapedSpec } from '../check/shaped-spec.ts';
import type { AttnModule } from '../ir/nodes.ts';
import { type Call, extentAt } from '../plan/extents.ts';
import { kernelName } from '../plan/kernel-name.ts';
import type { PlannedDispatch } from '../plan/planned.ts';
import type { ProgramPlan } from '../plan/program.ts';
import { workgroupBytes } from '../plan/workgroup-memory.ts';
import { bufferCulprits, gridCulprits, memoryCulprits } from './culprits.ts';
import { longestCall, oneToken, type Sized, tensorsOf } from './sizes.ts';

export type BreachCode = 'TGT001' | 'TGT002' | 'TGT003' | 'TGT004' | 'TGT005';

/** More of something than a target has. */
export interface Breach {
  readonly code: BreachCode;
  /** A kernel or a tensor, the layer left open. */
  readonly what: string;
  readonly need: number;
  readonly limit: number;
  /** Paths of the options that it grows with, the strongest first. */
  readonly options: readonly string[];
  readonly layer?: number;
  /** The longest context with which it would fit, where that is what it grows with. */
  readonly fittingContext?: number;
}

/** Bound as uniforms: see `emit-wgsl/kernel.ts`. */
const uniforms = new Set(['step', 'sequences', 'sampling']);

/** Everything in a program that is beyond the limits of its target, on one sequence that fills the context. */
export function breachesOf(shaped: ShapedSpec, module: AttnModule, program: ProgramPlan): readonly Breach[] {
  const call = longestCall(shaped);
  const { prepare, prefill, decode, sample } = program;
  return [
    ...[...prepare, ...prefill, ...decode, ...sample].flatMap((one) => kernelBreaches(one, program)),
    ...[...prepare, ...prefill].flatMap((one) => gridBreach(one, call, program)),
    ...[...decode, ...sample].flatMap((one) => gridBreach(one, oneToken(call), program)),
    ...tensorsOf(module, program).flatMap((tensor) => tensorBreach(tensor, call, shaped, program)),
  ];
}

function kernelBreaches(dispatch: PlannedDispatch, { profile: { limits } }: ProgramPlan): readonly Breach[] {
  const { plan, bind } = dispatch;
  const buffers = Object.keys(bind).filter((name) => !uniforms.has(name)).length;
  const options = memoryCulprits(dispatch);
  const all = [
    ['TGT001', workgroupBytes(plan.workgroup), limits.maxComputeWorkgroupStorageSize, options],
    ['TGT002', plan.threads, limits.maxComputeInvocationsPerWorkgroup, []],
    ['TGT003', buffers, limits.maxStorageBuffersPerShaderStage, bufferCulprits(dispatch)],
  ] as const;
  return all
    .filter(([, need, limit]) => need > limit)
    .map(([code, need, limit, grown]) => ({ code, need, limit, options: grown, ...placeOf(dispatch) }));
}

function placeOf({ plan, node }: PlannedDispatch): Pick<Breach, 'what' | 'layer'> {
  return { what: kernelName(plan), ...(node?.layer === undefined ? {} : { layer: node.layer }) };
}

function gridBreach(dispatch: PlannedDispatch, call: Call, { profile: { limits } }: ProgramPlan): readonly Breach[] {
  const limit = limits.maxComputeWorkgroupsPerDimension;
  const need = Math.max(...dispatch.grid.map((extent) => extentAt(extent, call)));
  return need > limit ? [{ code: 'TGT005', need, limit, options: gridCulprits(dispatch), ...placeOf(dispatch) }] : [];
}

function tensorBreach(
  { name, bytes, setBy }: Sized,
  call: Call,
  shaped: ShapedSpec,
  { profile: { limits } }: ProgramPlan,
): readonly Breach[] {
  const limit = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  const need = bytes(call);
  if (need <= limit) return [];
  const fitting = fittingContext(shaped, (context) => bytes(longestCall(shaped, context)) <= limit);
  const options = 'fittingContext' in fitting ? ['model.context', ...setBy] : setBy;
  const index = /^layers\.(\d+)\./.exec(name)?.[1];
  const layer = index === undefined ? {} : { layer: Number(index) };
  return [
    { code: 'TGT004', what: name.replace(/^layers\.\d+\./, 'layers.{i}.'), need, limit, options, ...layer, ...fitting },
  ];
}

/** Nothing when no context is short enough. */
function fittingContext({ model }: ShapedSpec, fits: (context: number) => boolean): Pick<Breach, 'fittingContext'> {
  if (model === undefined || !fits(1)) return {};
  let fitting = 1;
  let tooLong = model.context;
  while (tooLong - fitting > 1) {
    const middle = Math.floor((fitting + tooLong) / 2);
    if (fits(middle)) fitting = middle;
    else tooLong = middle;
  }
  return { fittingContext: fitting };
}
