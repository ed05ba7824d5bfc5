import type { DispatchDecl } from '../../runtime/abi1/definition.ts';
import type { PlannedDispatch } from '../plan/planned.ts';
import type { EmittedProgram } from './emitted-program.ts';

/** What the runtime itself binds, where a dispatch names nothing else. */
const runtimeBindings = new Set(['step', 'sequences', 'sampling']);

type Kernels = Pick<EmittedProgram, 'kernels' | 'nameOf'>;

/** A dispatch with its tensors in the order of the kernel's bindings. */
function declare(dispatch: PlannedDispatch, { kernels, nameOf }: Kernels): DispatchDecl {
  const kernel = nameOf(dispatch.plan);
  const bindings = kernels.get(kernel)?.wgsl.bindings ?? [];
  const bind = bindings.map(({ name }) => {
    const tensor = dispatch.bind[name] ?? (runtimeBindings.has(name) ? name : undefined);
    if (tensor === undefined) throw new Error(`kernel ${kernel}: nothing is bound to ${name}`);
    return tensor;
  });
  return { kernel, bind, grid: dispatch.grid };
}

interface Group {
  readonly layer: number | undefined;
  readonly dispatches: readonly DispatchDecl[];
}

/** The dispatches of a program, with runs of layers that differ only in their index written once. */
export function rollLayers(planned: readonly PlannedDispatch[], kernels: Kernels): readonly DispatchDecl[] {
  const groups: { layer: number | undefined; dispatches: DispatchDecl[] }[] = [];
  for (const dispatch of planned) {
    const layer = dispatch.node?.layer;
    const declared = declare(dispatch, kernels);
    const last = groups.at(-1);
    if (last !== undefined && last.layer === layer) last.dispatches.push(withoutIndex(declared, layer));
    else groups.push({ layer, dispatches: [withoutIndex(declared, layer)] });
  }
  return runsOf(groups).flatMap(({ group, from, to }) =>
    from === undefined ? group.dispatches : group.dispatches.map((d) => ({ ...d, layers: [from, to] as const })),
  );
}

function withoutIndex(dispatch: DispatchDecl, layer: number | undefined): DispatchDecl {
  if (layer === undefined) return dispatch;
  const prefix = `layers.${layer}.`;
  const bind = dispatch.bind.map((name) =>
    name.startsWith(prefix) ? `layers.{i}.${name.slice(prefix.length)}` : name,
  );
  return { ...dispatch, bind };
}

interface Run {
  readonly group: Group;
  readonly from: number | undefined;
  readonly to: number;
}

function runsOf(groups: readonly Group[]): readonly Run[] {
  const runs: { group: Group; from: number | undefined; to: number }[] = [];
  for (const group of groups) {
    const last = runs.at(-1);
    const continues =
      last?.from !== undefined &&
      last.to === group.layer &&
      JSON.stringify(last.group.dispatches) === JSON.stringify(group.dispatches);
    if (continues) last.to += 1;
    else runs.push({ group, from: group.layer, to: (group.layer ?? 0) + 1 });
  }
  return runs;
}
