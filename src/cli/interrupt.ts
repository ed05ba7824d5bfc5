import { exitCodes } from './output.ts';

/** What starts us, such as npx, passes the terminal's signal on: it comes twice at once. */
const sameInterruptMs = 500;

/**
 * Runs work that Ctrl-C ends: the first aborts the signal, so that the work can free what it holds, a second ends the process at once.
 * The exit code is then 130, by custom 128 + SIGINT.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  const onInterrupt = () => {
    if (performance.now() - first > sameInterruptMs) process.exit(exitCodes.interrupted);
    first = Math.min(first, performance.now());
    controller.abort();
  };
  process.on('SIGINT', onInterrupt);
  try {
    const code = await work(controller.signal);
    return controller.signal.aborted ? exitCodes.interrupted : code;
  } catch (error) {
    if (controller.signal.aborted && error === controller.signal.reason) return exitCodes.interrupted;
    throw error;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
