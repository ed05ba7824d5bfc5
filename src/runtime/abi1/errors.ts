/** Every failure that gqac's runtime reports on purpose. Anything else that is thrown is a bug. */
export class GqacError extends Error {
  override readonly name: string = 'GqacError';
}

/** The device could not hold one more allocation. `tensor` is the name given to the allocation, `bytes` its size. */
export class OutOfMemoryError extends GqacError {
  override readonly name = 'OutOfMemoryError';
  readonly tensor: string;
  readonly bytes: number;

  constructor(tensor: string, bytes: number, allocated = 0) {
    super(
      `out of device memory: ${tensor} needs ${formatBytes(bytes)}, ${formatBytes(allocated)} are already allocated; ` +
        'use a shorter context, a smaller batch or an f16 cache',
    );
    this.tensor = tensor;
    this.bytes = bytes;
  }
}

/** What was asked for exceeds a limit of the device. `limit` is the name WebGPU gives it. */
export class LimitError extends GqacError {
  override readonly name = 'LimitError';
  readonly limit: string;
  readonly needed: number;
  readonly available: number;
  readonly what: string;

  constructor(limit: string, needed: number, available: number, what: string) {
    super(
      `${what} needs ${limit} ${needed}, the device has ${available}; ` +
        'request the device with a higher limit if its adapter offers one, or make the tensor smaller',
    );
    this.limit = limit;
    this.needed = needed;
    this.available = available;
    this.what = what;
  }
}

/** The device lacks a feature that `what` cannot do without. */
export class FeatureError extends GqacError {
  override readonly name = 'FeatureError';
  readonly feature: string;

  constructor(feature: string, what: string) {
    super(`${what} needs the WebGPU feature ${feature}: request the device with it, or build for a target without it`);
    this.feature = feature;
  }
}

/** A weight file that cannot be read, is malformed, or does not have what the module needs. */
export class CheckpointError extends GqacError {
  override readonly name = 'CheckpointError';
  readonly file: string;
  readonly tensor: string | undefined;

  constructor(file: string, message: string, tensor?: string) {
    super(tensor === undefined ? `${file}: ${message}` : `${file}: tensor ${quoteName(tensor)}: ${message}`);
    this.file = file;
    this.tensor = tensor;
  }
}

/** The GPU device was lost or destroyed; sessions on it are dead, a new device may be requested. */
export class DeviceLostError extends GqacError {
  override readonly name = 'DeviceLostError';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(`the GPU device was lost (${reason})${message === '' ? '' : `: ${message}`}; request a new device`);
    this.reason = reason;
  }
}

/** No adapter could be had; the message says what was tried, and why each was not. */
export class NoGpuError extends GqacError {
  override readonly name = 'NoGpuError';
}

/** Diagnostics that are found when a module is called; `gqac explain CODE` and docs/diagnostics say more. */
export type CallCode = 'MEM004' | 'MSK001' | 'DIM003';

/** The caller asked for something that the API does not allow. */
export class UsageError extends GqacError {
  override readonly name = 'UsageError';
  /** For those that have a page. */
  readonly code: CallCode | undefined;

  constructor(message: string, code?: CallCode) {
    super(code === undefined ? message : `${message} (${code})`);
    this.code = code;
  }
}

/** Names come from untrusted files: escape control characters and keep messages to a line. */
export function quoteName(name: string): string {
  const shown = name.length > 120 ? `${name.slice(0, 117)}...` : name;
  return JSON.stringify(shown);
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ${units[unit]}`;
}
