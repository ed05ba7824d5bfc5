import type { AdapterDescription } from './adapter-description.ts';

/**
 * While a device works, Dawn's binding asks for results with one `setImmediate` after the other, some hundred times a token. Each time it
 * makes a function for it that has a finalizer: once a second the garbage collector runs 100,000 of these, and a token waits for 20 to 60 ms.
 * From now on 0.1 ms pass between two of them, and between what else uses `setImmediate`.
 */
export function pollSparsely(): void {
  const { setImmediate: soon, performance } = globalThis;
  let due = 0;
  replaceSetImmediate((run) => {
    const look = () => {
      const now = performance.now();
      if (now < due) {
        soon(look);
        return;
      }
      due = now + 0.1;
      run();
    };
    return soon(look);
  });
}

/** Asking keeps a core busy, which an adapter that computes on the CPU could use: what it runs takes up to twice as long. From now on this process asks once a millisecond. */
export function pollPatiently(): void {
  const { setTimeout: later } = globalThis;
  replaceSetImmediate((run) => later(run, 1));
}

/** What suits an adapter. */
export function pollFor({ kind }: Pick<AdapterDescription, 'kind'>): void {
  if (kind === 'gpu') pollSparsely();
  else pollPatiently();
}

function replaceSetImmediate(schedule: (run: () => void) => unknown): void {
  const setImmediate = <Arguments extends never[]>(callback: (...args: Arguments) => void, ...args: Arguments) =>
    schedule(() => callback(...args));
  Object.assign(globalThis, { setImmediate });
}
