import type { AttnModule } from '../ir/nodes.ts';
import { type Call, extentAt } from '../plan/extents.ts';
import { uniqueNames } from '../plan/kernel-name.ts';
import type { PlannedDispatch } from '../plan/planned.ts';
import { dispatchesOf, type ProgramPlan } from '../plan/program.ts';
import type { Arithmetic, DeviceCeilings } from './devices.ts';
import { trafficOf } from './kernel-bytes.ts';
import { arithmeticOf, flopsOf } from './kernel-flops.ts';

/** One call: new tokens of each sequence, and keys after it. */
export interface CallSize {
  readonly batch: number;
  readonly tokens: number;
  readonly keys: number;
}

/** What a kernel must move and compute in one call, over all its dispatches. */
export interface KernelCost {
  /** As the manifest names it. */
  readonly kernel: string;
  readonly dispatches: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly flops: number;
  readonly arithmetic: Arithmetic;
}

/** Least seconds on a device, and what decides them. */
export interface Floor {
  readonly seconds: number;
  readonly boundBy: 'memory' | 'arithmetic';
}

/** Kernels in the order of their first dispatch, those that run in such a call; one token takes the program's `decode`. */
export function kernelCosts(module: AttnModule, program: ProgramPlan, size: CallSize): readonly KernelCost[] {
  const call = callOf(module, size);
  const nameOf = uniqueNames(dispatchesOf(program).map(({ plan }) => plan));
  const isRun = ({ grid }: PlannedDispatch) => grid.every((extent) => extentAt(extent, call) > 0);
  const dispatches = [...(size.tokens === 1 ? program.decode : program.prefill), ...program.sample];
  const costs = new Map<string, KernelCost>();
  for (const own of byNode(dispatches)) {
    const traffic = trafficOf(own, module, program, call);
    for (const [index, dispatch] of own.entries()) {
      if (!isRun(dispatch)) continue;
      const kernel = nameOf(dispatch.plan);
      const before = costs.get(kernel);
      costs.set(kernel, {
        kernel,
        dispatches: (before?.dispatches ?? 0) + 1,
        bytesRead: (before?.bytesRead ?? 0) + (traffic[index]?.read ?? 0),
        bytesWritten: (before?.bytesWritten ?? 0) + (traffic[index]?.written ?? 0),
        flops: (before?.flops ?? 0) + flopsOf(dispatch, call),
        arithmetic: arithmeticOf(dispatch.plan),
      });
    }
  }
  return [...costs.values()];
}

/** As fast as the device moves the bytes, or computes, whichever takes longer. */
export function floorOf({ bytesRead, bytesWritten, flops, arithmetic }: KernelCost, device: DeviceCeilings): Floor {
  const memory = (bytesRead + bytesWritten) / device.bandwidth;
  const compute = flops / device.rates[arithmetic];
  return memory >= compute ? { seconds: memory, boundBy: 'memory' } : { seconds: compute, boundBy: 'arithmetic' };
}

/** Logits are asked for once a sequence. A paged cache has the pages that the keys take. */
export function callOf(module: AttnModule, { batch, tokens, keys }: CallSize): Call {
  const sizes = [...module.tensors.values()].flatMap(({ layout }) =>
    layout?.kind === 'paged' ? [layout.pageSize] : [],
  );
  const pages = batch * Math.ceil(keys / (sizes[0] ?? keys));
  return { B: batch, I: tokens, J: keys, C: keys, P: pages, L: batch, X: keys };
}

/** Dispatches of one node follow each other. */
function byNode(dispatches: readonly PlannedDispatch[]): readonly (readonly PlannedDispatch[])[] {
  const groups: PlannedDispatch[][] = [];
  for (const dispatch of dispatches) {
    const last = groups.at(-1);
    if (dispatch.node !== undefined && last?.[0]?.node === dispatch.node) last.push(dispatch);
    else groups.push([dispatch]);
  }
  return groups;
}
