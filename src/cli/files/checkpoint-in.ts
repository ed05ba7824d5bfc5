import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Of a folder: one file, else the index of several, else the only `.safetensors` file there is. */
export async function checkpointIn(folder: string): Promise<string | undefined> {
  const names = await readdir(folder);
  const usual = ['model.safetensors', 'model.safetensors.index.json'].find((name) => names.includes(name));
  const all = names.filter((name) => name.endsWith('.safetensors'));
  const found = usual ?? (all.length === 1 ? all[0] : undefined);
  return found === undefined ? undefined : join(folder, found);
}

/** Names in a checkpoint; undefined when it cannot be read, which is said where its weights are wanted. */
export async function tensorNamesOf(checkpoint: string): Promise<ReadonlySet<string> | undefined> {
  const { openCheckpoint } = await import('../../node/checkpoint-file.ts');
  try {
    const file = await openCheckpoint(checkpoint);
    const names = new Set(file.tensors.keys());
    await file.close();
    return names;
  } catch {
    return undefined;
  }
}
