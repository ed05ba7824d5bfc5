import type { Extent } from '../../runtime/abi1/definition.ts';
import type { CacheDtype } from '../check/shaped-spec.ts';
import type { Node } from '../ir/nodes.ts';
import type { KernelPlan } from './kernel-plan.ts';
import type { KeyStorage, MatrixStorage, RowStorage, Storage } from './plan-base.ts';
import type { PlannedDispatch } from './planned.ts';

/** How a tensor of the module is stored on the target. */
export type StorageOf = (name: string) => Storage;
export type MatrixStorageOf = (name: string) => MatrixStorage;

export const keyStorage = (dtype: CacheDtype, name: string, storageOf: StorageOf): KeyStorage =>
  dtype === 'int8' ? dtype : storageOf(name);

/** How activations of f32 or f16 are stored on the target. */
export function rowStorage(name: string, storageOf: StorageOf): RowStorage {
  const storage = storageOf(name);
  if (storage === 'bf16-packed') throw new Error(`${name}: activations are never bf16`);
  return storage;
}

type Bind = Readonly<Record<string, string | undefined>>;

/** Rows that a node works on: the new tokens of all sequences, or the rows of their contexts. */
export const rowsOf = (node: Node): Extent => ['*', 'B', node.rows === 'context' ? 'X' : 'I'];

/** Undefined bindings are those that the chosen options do not have. A context has a `step` and `sequences` of its own. */
export function dispatch(node: Node, plan: KernelPlan, bind: Bind, grid: PlannedDispatch['grid']): PlannedDispatch {
  const own: Bind = node.rows === 'context' ? { step: 'context_step', sequences: 'context_sequences' } : {};
  const present = Object.entries({ ...own, ...bind }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { node, plan, bind: Object.fromEntries(present), grid };
}
