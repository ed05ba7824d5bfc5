/**
 * While a device works, Dawn's binding asks for results with one `setImmediate` after the other. That keeps a core busy, which the
 * software adapter computes on: tests take twice as long. Here it asks once a millisecond.
 */
const { setTimeout: later } = globalThis;

function patiently<Arguments extends unknown[]>(callback: (...args: Arguments) => void, ...args: Arguments) {
  return later(callback, 1, ...args);
}

Object.assign(globalThis, { setImmediate: patiently });
