import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFile } from '../../src/node/file-source.ts';
import { type ByteSource, bytesSource } from '../../src/runtime/abi1/byte-source.ts';
import { CheckpointError } from '../../src/runtime/abi1/errors.ts';
import { type Dtype, dtypeBits, fromFloat32 } from '../../src/runtime/abi1/floats.ts';
import { SafetensorsFile } from '../../src/runtime/abi1/safetensors.ts';
import { writeSafetensors } from '../../src/runtime/abi1/safetensors-writer.ts';

const matrix = {
  name: 'w',
  dtype: 'F16' as const,
  shape: [3, 2],
  bytes: fromFloat32('f16', Float32Array.of(1, 2, 3, 4, 5, 6)),
};
const bias = { name: 'b', dtype: 'F32' as const, shape: [2], bytes: fromFloat32('f32', Float32Array.of(0.5, -0.5)) };

function recording(source: ByteSource): { source: ByteSource; ranges: [number, number][] } {
  const ranges: [number, number][] = [];
  const read = (start: number, end: number) => {
    ranges.push([start, end]);
    return source.read(start, end);
  };
  return { source: { ...source, read }, ranges };
}

describe('SafetensorsFile', () => {
  it('reads what writeSafetensors wrote, whatever the order', async () => {
    const file = await SafetensorsFile.open(bytesSource('m', writeSafetensors([matrix, bias], new Map([['k', 'v']]))));
    expect([...file.tensors.keys()]).toEqual(['b', 'w']);
    expect(file.metadata.get('k')).toBe('v');
    expect(Array.from(await file.readFloat32('w'))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Array.from(await file.readFloat32('b'))).toEqual([0.5, -0.5]);
    expect(writeSafetensors([bias, matrix])).toEqual(writeSafetensors([matrix, bias]));
  });

  it('reads only the bytes of the rows asked for', async () => {
    const { source, ranges } = recording(bytesSource('m', writeSafetensors([matrix, bias])));
    const file = await SafetensorsFile.open(source);
    const start = file.info('w').start;
    ranges.length = 0;
    expect(Array.from(await file.readFloat32('w', [1, 2]))).toEqual([3, 4]);
    expect(ranges).toEqual([[start + 4, start + 8]]);
    expect(await file.readBytes('w', [2, 2])).toHaveLength(0);
    await expect(file.readBytes('w', [2, 4])).rejects.toThrow('m: tensor "w": rows 2 to 4 are not within its 3');
    await expect(file.readBytes('nope')).rejects.toThrow(CheckpointError);
  });

  it('reads every dtype of the format', async () => {
    for (const dtype of Object.keys(dtypeBits) as Dtype[]) {
      const bytes = new Uint8Array(dtypeBits[dtype]);
      const file = await SafetensorsFile.open(
        bytesSource(dtype, writeSafetensors([{ name: 't', dtype, shape: [2, 4], bytes }])),
      );
      const values = await file.readFloat32('t');
      expect(values).toHaveLength(dtype === 'C64' ? 16 : 8);
      expect([...values].every((value) => value === (dtype === 'F8_E8M0' ? 2 ** -127 : 0))).toBe(true);
    }
  });

  it('reads a file by ranges from a handle, scalars and empty tensors too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gqac-test-'));
    try {
      const path = join(folder, 'm.safetensors');
      const scalar = { name: 's', dtype: 'F32' as const, shape: [], bytes: fromFloat32('f32', Float32Array.of(7)) };
      const empty = { name: 'e', dtype: 'F32' as const, shape: [0, 5], bytes: new Uint8Array(0) };
      await writeFile(path, writeSafetensors([scalar, empty, matrix]));
      const file = await SafetensorsFile.open(await openFile(path));
      expect(Array.from(await file.readFloat32('s'))).toEqual([7]);
      expect(Array.from(await file.readFloat32('e', [0, 0]))).toEqual([]);
      expect(Array.from(await file.readFloat32('w', [2, 3]))).toEqual([5, 6]);
      await file.close();
      await expect(openFile(join(folder, 'absent'))).rejects.toThrow('cannot be opened: no such file');
      await expect(openFile(folder)).rejects.toThrow(CheckpointError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses duplicate and reserved names when writing', () => {
    expect(() => writeSafetensors([bias, bias])).toThrow('tensor "b" is given twice');
    expect(() => writeSafetensors([{ ...bias, name: '__metadata__' }])).toThrow('reserved');
    expect(() => writeSafetensors([{ ...bias, shape: [3] }])).toThrow('F32 [3] takes 12 bytes, given 8');
  });
});
