/**
 * While a device works, Dawn's binding asks for results with one `setImmediate` after the other. That keeps a core busy, which an
 * adapter that computes on the CPU could use: what it runs takes up to twice as long. From now on this process asks once a millisecond.
 */
export function pollPatiently(): void {
  const { setTimeout: later } = globalThis;
  function patiently<Arguments extends unknown[]>(callback: (...args: Arguments) => void, ...args: Arguments) {
    return later(callback, 1, ...args);
  }
  Object.assign(globalThis, { setImmediate: patiently });
}
