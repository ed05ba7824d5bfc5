import type { Report } from '../../diagnostics/report.ts';
import type { Span } from '../../source/source.ts';
import type { CheckpointHeader } from '../weights/checkpoint.ts';

/** Index against shards: WGT010 … WGT012, each kind once for a shard. */
export function checkShardFaults({ faults = [] }: CheckpointHeader, place: Span, report: Report): void {
  const absent = new Map<string, string[]>();
  const twice: string[] = [];
  for (const fault of faults) {
    if (fault.kind === 'unreadable') {
      const { shard, reason, tensors } = fault;
      report('WGT010', place, { shard, reason, tensors: tensors.length });
    }
    if (fault.kind === 'elsewhere') absent.set(fault.shard, [...(absent.get(fault.shard) ?? []), fault.tensor]);
    if (fault.kind === 'twice') twice.push(fault.tensor);
  }
  for (const [shard, [tensor = '', ...others]] of absent)
    report('WGT011', place, { shard, tensor, more: others.length });
  const first = faults.find((fault) => fault.kind === 'twice');
  if (first?.kind === 'twice')
    report('WGT012', place, { tensor: first.tensor, shards: first.shards, more: twice.length - 1 });
}

/** Tensors that a fault speaks of: that they are missing follows from it. */
export function tensorsOfFaults({ faults = [] }: CheckpointHeader): ReadonlySet<string> {
  return new Set(faults.flatMap((fault) => (fault.kind === 'unreadable' ? fault.tensors : [fault.tensor])));
}
