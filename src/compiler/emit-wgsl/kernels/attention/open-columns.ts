import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { isMaskGiven } from '../../../plan/attention/open-keys.ts';
import { wgsl } from '../../wgsl.ts';

/**
 * What masks that are given with a call leave of the walk over the columns, found by a look at them before: packed documents and padding
 * cost no more than what they show. Undefined without such masks.
 *
 * `fn open_columns(lane, batch, sequence, first_token, last_token, columns) -> vec3u`: of the sequence's columns below `columns`, the
 * queries from the first token to the last see none before x and none from y on; z is 1 when padding and documents hide nothing
 * in between from any of them. For whole workgroups in uniform control flow.
 */
export function openColumns({ mask }: AttentionOptions): string | undefined {
  if (!isMaskGiven(mask)) return undefined;
  const conditions = [
    ...(mask.documents ? ['document_at(batch, key) >= least', 'document_at(batch, key) <= most'] : []),
    ...(mask.padding === 'none' ? [] : ['key_mask[batch * step.keys + key] != 0u']),
  ];
  return wgsl`
    ${mask.documents ? `${documentAt}\n` : ''}
    /** Columns of the sequence that rows of the workgroup may see: from x up to y; z is 1 when all of them see all of these, as far as they reach. */
    fn open_columns(lane: u32, batch: u32, sequence: Sequence, first_token: u32, last_token: u32, columns: u32) -> vec3u {
      if (lane == 0u) {
        atomicStore(&open_keys[0], 0xffffffffu);
        atomicStore(&open_keys[1], 0u);
        atomicStore(&open_keys[2], 0u);
        ${mask.documents ? 'atomicStore(&open_keys[3], 0xffffffffu);\natomicStore(&open_keys[4], 0u);' : ''}
      }
      workgroupBarrier();
      ${mask.documents ? documentsOfRows : ''}
      var first = 0xffffffffu;
      var end = 0u;
      var count = 0u;
      for (var key = lane; key + PREFIX_COLUMNS < columns; key += THREADS) {
        if (${conditions.join(' && ')}) {
          first = min(first, key);
          end = key + 1u;
          count++;
        }
      }
      atomicMin(&open_keys[0], first);
      atomicMax(&open_keys[1], end);
      atomicAdd(&open_keys[2], count);
      let least_key = workgroupUniformLoad(&open_keys[0]);
      let keys_end = workgroupUniformLoad(&open_keys[1]);
      let open = workgroupUniformLoad(&open_keys[2]);
      let is_whole = open + least_key == keys_end${mask.documents ? ' && least == most' : ''};
      return vec3u(PREFIX_COLUMNS + min(least_key, keys_end), PREFIX_COLUMNS + keys_end, u32(is_whole));
    }`;
}

const documentAt = wgsl`
  fn document_at(batch: u32, key: u32) -> u32 {
    return documents[batch * step.keys + key];
  }`;

/** A query that stands before the first given key is of no document. */
const documentsOfRows = wgsl`
  for (var token = first_token + lane; token <= last_token; token += THREADS) {
    let position = bitcast<i32>(sequence.past + token);
    if (position >= 0 && token < sequence.count) {
      let document = document_at(batch, u32(position));
      atomicMin(&open_keys[3], document);
      atomicMax(&open_keys[4], document);
    }
  }
  let least = workgroupUniformLoad(&open_keys[3]);
  let most = workgroupUniformLoad(&open_keys[4]);`;

/** The tile at which a walk goes on that has come to the one at `column`. */
export const nextOpen = (column: string): string => `next_open(open, ${column})`;

/** Columns before those of the sequence are not hidden. */
export const nextOpenFunction = wgsl`
  /** Whole tiles are left out: where columns are dealt into parts, each of them ends with one. */
  fn next_open(open: vec3u, column: u32) -> u32 {
    let hidden = (max(column, open.x) - column) / TILE_KEYS * TILE_KEYS;
    return select(column + hidden, column, column < PREFIX_COLUMNS);
  }`;
