import type { ModuleFacts } from '../../runtime/abi1/definition.ts';
import type { AttnModule } from '../ir/nodes.ts';
import type { ProgramPlan } from '../plan/program.ts';
import type { DeviceCeilings } from './devices.ts';
import { type CallSize, type Floor, floorOf, type KernelCost, kernelCosts } from './kernel-costs.ts';

/** What one call costs at least on a device. */
export interface CallCost extends CallSize {
  readonly call: 'prefill' | 'decode';
  readonly kernels: readonly (KernelCost & { readonly floor: Floor })[];
  /** Kernels run one after the other. */
  readonly floorSeconds: number;
}

export interface CallSizes {
  /** Tokens of the prompt. */
  readonly tokens: number;
  /** Keys that a decoded token sees, itself among them. */
  readonly keys: number;
}

/** 2,048 tokens and 4,096 keys, or what the model's context and its rings have room for. */
export function usualSizes({ context, longestCall }: Pick<ModuleFacts, 'context' | 'longestCall'>): CallSizes {
  const most = context === 0 ? Number.POSITIVE_INFINITY : context;
  return { tokens: Math.min(2048, most, longestCall ?? most), keys: Math.min(4096, most) };
}

/** The first call of a sequence with a prompt of `tokens`, and one token that sees `keys`. */
export const callsOf = ({ tokens, keys }: CallSizes) =>
  [
    { call: 'prefill', batch: 1, tokens, keys: tokens },
    { call: 'decode', batch: 1, tokens: 1, keys },
  ] as const;

/** Of both calls. */
export function costReport(
  module: AttnModule,
  program: ProgramPlan,
  sizes: CallSizes,
  device: DeviceCeilings,
): readonly CallCost[] {
  return callsOf(sizes).map((size): CallCost => {
    const kernels = kernelCosts(module, program, size).map((cost) => ({ ...cost, floor: floorOf(cost, device) }));
    return { ...size, kernels, floorSeconds: kernels.reduce((sum, { floor }) => sum + floor.seconds, 0) };
  });
}
