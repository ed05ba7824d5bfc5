import { formatBytes } from '../../runtime/abi1/errors.ts';
import type { LoadProgress } from '../../runtime/abi1/weights.ts';

const width = 24;
const redrawAfterMs = 50;
const clearLine = '\r\u001b[K';

export interface ProgressBar {
  readonly show: (progress: LoadProgress) => void;
  /** Takes the bar away; the line is as it was. */
  readonly end: () => void;
}

/** A line that redraws itself, on a terminal; nothing elsewhere. */
export function progressBar(stream: NodeJS.WriteStream, label: string): ProgressBar {
  if (stream.isTTY !== true) return { show: () => {}, end: () => {} };
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    show({ loadedBytes, totalBytes }) {
      const now = performance.now();
      if (now - drawn < redrawAfterMs) return;
      drawn = now;
      const part = totalBytes === 0 ? 1 : loadedBytes / totalBytes;
      const filled = Math.round(part * width);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
      stream.write(`${clearLine}${label} ${bar} ${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}`);
    },
    end() {
      if (drawn > Number.NEGATIVE_INFINITY) stream.write(clearLine);
    },
  };
}
