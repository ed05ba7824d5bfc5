import type { HeadGroup } from '../../../check/shaped-spec.ts';
import type { AttentionOptions } from '../../../plan/attention/kernel-plan.ts';
import { type Binding, words } from '../../kernel.ts';
import { wgsl } from '../../wgsl.ts';

/** Which query heads a KV head serves, and which of them are active. Only this file knows the group order. */
export interface GroupParts {
  readonly bindings: readonly Binding[];
  /**
   * `query_head(kv_head, member) -> u32`: member g of the group; where not all heads are active, the active ones come first,
   * and `active_members(kv_head) -> u32` says how many they are.
   */
  readonly functions: readonly string[];
  /** How many members of `kv_head`'s group are active; an expression for a `let`. */
  readonly members: string;
}

export function groupParts({ heads, active }: AttentionOptions): GroupParts {
  if (active === undefined) {
    return { bindings: [], functions: [queryHead(queryHeadOf(heads))], members: 'QUERIES_PER_KV' };
  }
  const members = 'active_members(kv_head)';
  if (active === 'runtime') {
    return {
      bindings: [words('head_order')],
      functions: [
        queryHead('head_order[KV_HEADS + kv_head * QUERIES_PER_KV + member]'),
        activeMembers('head_order[kv_head]'),
      ],
      members,
    };
  }
  const { order, counts } = activeFirst(active, heads);
  return {
    bindings: [],
    functions: [
      `const HEAD_ORDER = ${constantArray(order)};\nconst ACTIVE_MEMBERS = ${constantArray(counts)};`,
      queryHead('HEAD_ORDER[kv_head * QUERIES_PER_KV + member]'),
      activeMembers('ACTIVE_MEMBERS[kv_head]'),
    ],
    members,
  };
}

/** The query head that is `member` of the group of `kv_head`. */
export const queryHeadOf = ({ order }: Pick<HeadGroup, 'order'>): string =>
  order === 'blocked' ? 'kv_head * QUERIES_PER_KV + member' : 'member * KV_HEADS + kv_head';

/** The KV head that query head `head` reads. */
export const kvHeadOf = ({ order }: Pick<HeadGroup, 'order'>): string =>
  order === 'blocked' ? 'head / QUERIES_PER_KV' : 'head % KV_HEADS';

const queryHead = (formula: string) => wgsl`
  /** A member of the group of query heads that read a KV head. */
  fn query_head(kv_head: u32, member: u32) -> u32 {
    return ${formula};
  }`;

const activeMembers = (count: string) => wgsl`
  fn active_members(kv_head: u32) -> u32 {
    return ${count};
  }`;

const constantArray = (values: readonly number[]) =>
  `array<u32, ${values.length}>(${values.map((value) => `${value}u`).join(', ')})`;

/** Numbers of the heads in the spec, where they are counted otherwise here. */
export function headNumbers({ numbers }: HeadGroup): readonly string[] {
  if (numbers === undefined) return [];
  return [`const HEAD_NUMBERS = ${constantArray(numbers.q)};`, `const KV_HEAD_NUMBERS = ${constantArray(numbers.kv)};`];
}

/** The spec's number of query head `head`. */
export const headNumber = ({ numbers }: HeadGroup): string => (numbers === undefined ? 'head' : 'HEAD_NUMBERS[head]');

/** The spec's number of the KV head that query head `head` reads. */
export const kvHeadNumber = (heads: HeadGroup): string =>
  heads.numbers === undefined ? kvHeadOf(heads) : `KV_HEAD_NUMBERS[${kvHeadOf(heads)}]`;

/** How many query heads the spec has. */
export const headsCounted = ({ numbers }: HeadGroup): string =>
  numbers === undefined ? 'Q_HEADS' : `${numbers.of.qHeads}u`;

/** For each KV head its active query heads, then the others; and how many are active. */
function activeFirst(active: readonly number[], { kvHeads, queriesPerKv, order }: HeadGroup) {
  const groups = Array.from({ length: kvHeads }, (_, kv) =>
    Array.from({ length: queriesPerKv }, (_, g) => (order === 'blocked' ? kv * queriesPerKv + g : g * kvHeads + kv)),
  );
  const isActive = (head: number) => active.includes(head);
  return {
    order: groups.flatMap((group) => [...group.filter(isActive), ...group.filter((head) => !isActive(head))]),
    counts: groups.map((group) => group.filter(isActive).length),
  };
}

/** `fn is_active(head: u32) -> bool`, and the mask that it reads; nothing where all heads are. */
export function activityParts(active: AttentionOptions['active'], qHeads: number) {
  if (active === undefined) return { bindings: [], functions: [] };
  const isRuntime = active === 'runtime';
  const flags = Array.from({ length: qHeads }, (_, head) => Number(!isRuntime && active.includes(head)));
  return {
    bindings: isRuntime ? [words('active_heads')] : [],
    functions: [
      ...(isRuntime ? [] : [`const ACTIVE_HEADS = ${constantArray(flags)};`]),
      wgsl`
        fn is_active(head: u32) -> bool {
          return ${isRuntime ? 'active_heads' : 'ACTIVE_HEADS'}[head] != 0u;
        }`,
    ],
  };
}

/**
 * For kernels whose workgroups take `TILE_ROWS` rows (token, member) from `first_row` on: rows of active heads come first.
 * Those of the others become zero, and a workgroup that has no others is done. Needs `store_out` and `members`.
 */
export const silenceRows = wgsl`
  let rows_to_compute = step.tokens * members;
  for (var index = lane; index < TILE_ROWS * VALUE_QUADS; index += THREADS) {
    let row = first_row + index / VALUE_QUADS;
    if (row >= rows_to_compute && row < step.tokens * QUERIES_PER_KV) {
      let silent = row - rows_to_compute;
      let others = QUERIES_PER_KV - members;
      let head = query_head(kv_head, members + silent % others);
      store_out((batch * step.tokens + silent / others) * Q_HEADS + head, index % VALUE_QUADS, vec4f(0));
    }
  }
  if (first_row >= rows_to_compute) {
    return;
  }`;
