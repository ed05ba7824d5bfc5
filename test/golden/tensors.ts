import { readFile } from 'node:fs/promises';
import { bytesSource } from '../../src/runtime/abi1/byte-source.ts';
import { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';

export interface Values {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Golden files are small: they are read whole, and nothing is left to close. */
export async function openTensors(path: string): Promise<SafetensorsFile> {
  return SafetensorsFile.open(bytesSource(path, new Uint8Array(await readFile(path))));
}

export async function readValues(file: SafetensorsFile, name: string): Promise<Values> {
  return { data: await file.readFloat32(name), shape: file.info(name).shape };
}

/** The tensors whose name starts with `prefix` as a checkpoint of their own, without it. Undefined when there are none. */
export async function checkpointOf(file: SafetensorsFile, prefix: string): Promise<SafetensorsFile | undefined> {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(prefix));
  if (names.length === 0) return undefined;
  const tensors = await Promise.all(
    names.map(async (name) => {
      const { dtype, shape } = file.info(name);
      return { name: name.slice(prefix.length), dtype, shape, bytes: await file.readBytes(name) };
    }),
  );
  return SafetensorsFile.open(bytesSource(file.name, writeSafetensors(tensors)));
}

/** `[B, H, S, D]` → `[B, S, H, D]`, and back. */
export function swapHeadsAndTokens({ data, shape }: Values): Values {
  const [batch = 0, outer = 0, inner = 0, width = 0] = shape;
  const swapped = new Float32Array(data.length);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < outer; i++) {
      for (let j = 0; j < inner; j++) {
        const from = ((b * outer + i) * inner + j) * width;
        swapped.set(data.subarray(from, from + width), ((b * inner + j) * outer + i) * width);
      }
    }
  }
  return { data: swapped, shape: [batch, inner, outer, width] };
}
