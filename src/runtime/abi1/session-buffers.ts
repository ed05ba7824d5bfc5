import type { BufferDecl, ModuleDefinition, VariantDecl } from './definition.ts';

/** What a session has for itself on a device: not the scratch that only other variants' kernels use. */
export function sessionBuffers(
  { buffers }: ModuleDefinition,
  { prefill, decode, sample }: VariantDecl,
): readonly BufferDecl[] {
  const bound = new Set([prefill, decode, sample].flat().flatMap(({ bind }) => bind));
  const isBound = (name: string) => bound.has(name) || bound.has(name.replace(/^layers\.\d+\./, 'layers.{i}.'));
  return buffers.filter(({ role, name }) => role !== 'prepared' && (role !== 'activation' || isBound(name)));
}
