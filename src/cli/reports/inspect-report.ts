import { type KeySegment, keySegments } from '../../compiler/check/key-columns.ts';
import type { AttentionShape, HeadClass, ShapedSpec } from '../../compiler/check/shaped-spec.ts';
import type { Compiled } from '../../compiler/compile.ts';
import { type CallSizes, costReport } from '../../compiler/facts/cost-report.ts';
import type { DeviceCeilings } from '../../compiler/facts/devices.ts';
import { parameterCount } from '../../compiler/facts/parameters.ts';
import { cacheBytesPerToken, memoryBytes, ringBytes, weightBytes } from '../../compiler/plan/summary.ts';
import { workgroupBytes } from '../../compiler/plan/workgroup-memory.ts';

export type Report = ReturnType<typeof describeSpec>;

/** Everything that `gqac inspect` says of a spec. */
export function describeSpec(
  shaped: ShapedSpec,
  { module, programs }: Compiled,
  sizes: CallSizes,
  device: DeviceCeilings,
) {
  const distinct = <T>(entries: readonly T[]) => [
    ...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values(),
  ];
  return {
    name: shaped.name,
    device: device.name,
    parameters: parameterCount(shaped),
    weightBytes: weightBytes(module),
    cacheBytesPerToken: cacheBytesPerToken(shaped),
    ringBytes: ringBytes(shaped),
    memoryBytes: memoryBytes(shaped),
    attention: attentionsOf(shaped).map(({ attention, kinds, layers }) => ({
      kinds,
      layers,
      heads: attention.heads,
      headDim: attention.headDim,
      valueDim: attention.valueDim,
      scale: attention.scale,
      cacheDtype: attention.cacheDtype,
      ...(attention.classes === undefined ? {} : { classes: attention.classes.map(classReport) }),
      ...(attention.cacheLayout === undefined ? {} : { cacheLayout: attention.cacheLayout }),
      ...(attention.mask.window === undefined ? {} : { window: attention.mask.window }),
      ...(attention.rope === undefined ? {} : { rope: attention.rope }),
      groups: groupsOf(attention),
      keyColumns: keySegments.flatMap((segment) => columnsOf(segment, attention)),
    })),
    weights: shaped.weights.map(({ name, shape, quantization, source }) => ({
      name,
      shape,
      dtype: module.tensors.get(name)?.dtype ?? 'f32',
      ...(quantization && { group: quantization.group }),
      source,
    })),
    variants: programs.map((program) => {
      return {
        id: program.profile.id,
        for: program.profile.doc,
        kernels: [...program.kernels].map(([kernel, { plan }]) => ({
          kernel,
          invocations: plan.threads,
          workgroupBytes: workgroupBytes(plan.workgroup),
        })),
        calls: costReport(module, program, sizes, device),
        rejected: distinct(
          program.rejected.map(({ node, variant, reason }) => ({ stage: node.op, form: variant, reason })),
        ),
      };
    }),
  };
}

/** Each distinct attention with the layers that have it, in the order of their first; `kinds` is empty when all layers are alike. */
function attentionsOf({ layers, layerKinds = [] }: ShapedSpec) {
  const found = new Map<string, { attention: AttentionShape; kinds: string[]; layers: number[] }>();
  for (const [layer, { attention }] of layers.entries()) {
    const key = JSON.stringify(attention);
    const one = found.get(key) ?? { attention, kinds: [], layers: [] };
    found.set(key, one);
    one.layers.push(layer);
    const kind = layerKinds[layer];
    if (kind !== undefined && !one.kinds.includes(kind)) one.kinds.push(kind);
  }
  return [...found.values()];
}

/** A segment that this attention has, with its width; the sequence's widths are known per call only. */
function columnsOf(segment: KeySegment, { columns, inputs }: AttentionShape): readonly string[] {
  if (segment === 'zero' || segment === 'memory') return columns[segment] > 0 ? [`${segment} ${columns[segment]}`] : [];
  if (inputs === 'heads') return segment === 'new' ? ['given J'] : [];
  return [segment === 'cache' ? 'cache past' : 'new I'];
}

/** Heads that are worked on together, by their numbers in the spec. */
const classReport = ({ numbers: { q, kv }, cacheDtype }: HeadClass) => ({ qHeads: q, kvHeads: kv, cacheDtype });

/** For each KV head the query heads that read it. */
function groupsOf({ heads }: AttentionShape): readonly (readonly number[])[] {
  const { kvHeads, queriesPerKv, order } = heads;
  return Array.from({ length: kvHeads }, (_, kv) =>
    Array.from({ length: queriesPerKv }, (_, g) => (order === 'blocked' ? kv * queriesPerKv + g : g * kvHeads + kv)),
  );
}
