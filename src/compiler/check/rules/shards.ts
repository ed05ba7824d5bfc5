import { note } from '../../diagnostics/diagnostic.ts';
import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { HeadGroup } from '../shaped-spec.ts';

/** Can each of N shards hold whole heads, as many as the others? Reports SHD001. Not a property of the spec: run when asked. */
export function checkShards(spec: BoundSpec, heads: HeadGroup, shards: number, report: Report): void {
  const { qHeads, kvHeads } = heads;
  if (splits(heads, shards)) return;
  const possible = Array.from({ length: qHeads }, (_, index) => index + 1).filter((count) => splits(heads, count));
  const ofQueries = kvHeads % shards === 0 || shards % kvHeads === 0;
  const writers = ['attention.kv_heads', 'attention.one_kv_head', 'attention.group_size'] as const;
  const source = ofQueries ? undefined : writers.find((path) => spec.isWritten(path));
  const place = spec.at(source ?? 'attention.q_heads');
  const notes = source === undefined ? [] : [note(spec.at('attention.q_heads')?.span, `${qHeads} query heads`)];
  const args = {
    shards,
    heads: ofQueries ? qHeads : kvHeads,
    of: ofQueries ? 'q_heads' : 'kv_heads',
    possible,
  } as const;
  report('SHD001', place?.span ?? spec.keySpan('attention.q_heads'), args, notes);
}

function splits({ qHeads, kvHeads }: HeadGroup, shards: number): boolean {
  return qHeads % shards === 0 && (kvHeads % shards === 0 || shards % kvHeads === 0);
}
