import type { BufferDecl, ModuleDefinition } from './definition.ts';
import { UsageError } from './errors.ts';
import type { Workspace } from './workspace.ts';

/** `active_heads` of attention alone, `layers.{i}.active_heads` of a model. */
export const isMaskOfHeads = ({ name, role }: BufferDecl): boolean =>
  role === 'input' && /^(layers\.\d+\.)?active_heads$/.test(name);

const masksOf = (buffers: readonly BufferDecl[]) =>
  buffers
    .filter(isMaskOfHeads)
    .flatMap(({ name, shape: [heads] }) => (typeof heads === 'number' ? [{ name, heads }] : []));

/** No mask is no restriction. */
export function activateAllHeads(buffers: readonly BufferDecl[], workspace: Workspace): void {
  for (const { name, heads } of masksOf(buffers)) workspace.upload(name, new Uint32Array(heads).fill(1));
}

/** @throws UsageError for a layer without a mask, and for a list of another length. */
export function setActiveHeads(
  { name, buffers }: ModuleDefinition,
  workspace: Workspace,
  layer: number,
  active: readonly boolean[],
): void {
  const mask = masksOf(buffers).find((one) => one.name === `layers.${layer}.active_heads`);
  if (mask === undefined)
    throw new UsageError(
      `layer ${layer} of ${name} has no mask of heads: its spec has no \`heads: { active: runtime }\``,
    );
  if (active.length !== mask.heads)
    throw new UsageError(`${active.length} heads are given, layer ${layer} has ${mask.heads}`);
  workspace.upload(mask.name, Uint32Array.from(active, Number));
}
