import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNullDevice, openGpu } from '../../src/node/adapter.ts';
import { BufferLedger, bufferUsage } from '../../src/runtime/abi1/buffers.ts';
import { DeviceLostError, LimitError, OutOfMemoryError, UsageError } from '../../src/runtime/abi1/errors.ts';

const usage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination;
const bytesOf = (...values: number[]) => Uint8Array.from(values);

describe('BufferLedger on an adapter', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await (await openGpu()).adapter.requestDevice();
  });
  afterAll(() => device.destroy());

  it('uploads and reads back bytes at any length and offset', async () => {
    const ledger = new BufferLedger(device);
    const buffer = await ledger.allocate({ name: 'x', bytes: 12, usage });
    ledger.upload(buffer, 0, bytesOf(1, 2, 3, 4, 5, 6, 7));
    ledger.upload(buffer, 8, bytesOf(9));
    expect([...(await ledger.readBack(buffer))]).toEqual([1, 2, 3, 4, 5, 6, 7, 0, 9, 0, 0, 0]);
    expect([...(await ledger.readBack(buffer, 3, 3))]).toEqual([4, 5, 6]);
    expect(await ledger.readBack(buffer, 12, 0)).toHaveLength(0);
    expect(() => ledger.upload(buffer, 2, bytesOf(1))).toThrow('offsets are multiples of 4');
    expect(() => ledger.upload(buffer, 12, bytesOf(1))).toThrow(UsageError);
    await expect(ledger.readBack(buffer, 8, 8)).rejects.toThrow('x: bytes 8 to 16 are not within its 12');
    ledger.dispose();
  });

  it('keeps a ledger of what is allocated', async () => {
    const ledger = new BufferLedger(device);
    const [a, b] = await ledger.allocateAll([
      { name: 'a', bytes: 10, usage },
      { name: 'b', bytes: 100, usage },
    ]);
    expect(ledger.entries()).toEqual([
      { name: 'a', bytes: 12 },
      { name: 'b', bytes: 100 },
    ]);
    expect(ledger.totalBytes).toBe(112);
    ledger.free(a as GPUBuffer);
    ledger.free(a as GPUBuffer);
    expect(ledger.totalBytes).toBe(100);
    expect(ledger.peakBytes).toBe(112);
    await ledger.readBack(b as GPUBuffer);
    expect(ledger.entries()).toEqual([{ name: 'b', bytes: 100 }]);
    ledger.dispose();
    expect(ledger.totalBytes).toBe(0);
    expect(ledger.entries()).toEqual([]);
  });
});

describe('BufferLedger at the limits', () => {
  const mebibyte = 2 ** 20;

  it('names tensor, limit and sizes before anything is allocated', async () => {
    const device = await createNullDevice();
    const ledger = new BufferLedger(device);
    const limit = device.limits.maxStorageBufferBindingSize;
    await ledger.allocate({ name: 'fits', bytes: limit, usage });
    const over = ledger.allocateAll([
      { name: 'small', bytes: 4, usage },
      { name: 'layers.0.w', bytes: limit + 1, usage },
    ]);
    await expect(over).rejects.toThrow(LimitError);
    await expect(over).rejects.toMatchObject({
      limit: 'maxStorageBufferBindingSize',
      needed: limit + 4,
      available: limit,
    });
    await expect(over).rejects.toThrow('layers.0.w (128.0 MiB) needs maxStorageBufferBindingSize');
    expect(ledger.totalBytes).toBe(limit);
    const copyOnly = ledger.allocate({ name: 'huge', bytes: 2 ** 40, usage: bufferUsage.copyDestination });
    await expect(copyOnly).rejects.toMatchObject({ limit: 'maxBufferSize', needed: 2 ** 40 });
    await expect(ledger.allocate({ name: 'n', bytes: -1, usage })).rejects.toThrow('n: -1 is not a number of bytes');
    device.destroy();
  });

  it('throws OutOfMemoryError naming the tensor that did not fit, and keeps none of its group', async () => {
    // The null backend counts its memory, and has 512 MiB.
    const device = await createNullDevice();
    const ledger = new BufferLedger(device);
    await ledger.allocate({ name: 'first', bytes: 128 * mebibyte, usage });
    const group = ['k', 'v', 'w', 'x'].map((name) => ({ name, bytes: 128 * mebibyte, usage }));
    const failed = ledger.allocateAll(group);
    await expect(failed).rejects.toThrow(OutOfMemoryError);
    await expect(failed).rejects.toMatchObject({ tensor: 'x', bytes: 128 * mebibyte });
    expect(ledger.entries()).toEqual([{ name: 'first', bytes: 128 * mebibyte }]);
    // What the failed group had taken is free again.
    expect(await ledger.allocateAll(group.slice(0, 3))).toHaveLength(3);
    device.destroy();
  });

  it('says that the device is lost, within a second', async () => {
    const device = await createNullDevice();
    const ledger = new BufferLedger(device);
    const buffer = await ledger.allocate({ name: 'b', bytes: 1024, usage });
    const pending = ledger.readBack(buffer);
    const started = performance.now();
    device.destroy();
    await pending.catch((error: unknown) => expect(error).toBeInstanceOf(DeviceLostError));
    await expect(ledger.allocate({ name: 'c', bytes: 4, usage })).rejects.toThrow(DeviceLostError);
    expect(() => ledger.upload(buffer, 0, bytesOf(1))).toThrow(DeviceLostError);
    expect(performance.now() - started).toBeLessThan(1000);
    const again = new BufferLedger(await createNullDevice());
    await again.allocate({ name: 'd', bytes: 4, usage });
    again.dispose();
    again.device.destroy();
  });
});
