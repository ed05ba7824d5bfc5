import { quads } from '../plan/extents.ts';
import { wgsl } from './wgsl.ts';

/**
 * Rows of int8, each with a scale, as caches have them: blocks `[4 scales | 4 rows]`. So a row's scale is near it, rows whose
 * width is a multiple of eight or 16 can be read as many entries at a time, and a cache is one buffer. Kernels know the layout from here.
 */
const blockWords = (width: number) => 4 + 4 * quads(width);

/** Index of the element that has entries 4 · words · part … of a row, in a buffer with elements of so many u32. */
export const int8Index = (width: number, words: 1 | 2 | 4, part: string): string =>
  `row / 4u * ${blockWords(width) / words}u + ${4 / words}u + row % 4u * ${quads(width) / words}u + ${part}`;

/** `fn NAME_scale(row: u32) -> f32` for a buffer with elements of so many u32. */
export function int8Scale(name: string, width: number, words: 1 | 2 | 4): string {
  const block = `row / 4u * ${blockWords(width) / words}u`;
  const scale = {
    1: `${name}[${block} + row % 4u]`,
    2: `${name}[${block} + row % 4u / 2u][row % 2u]`,
    4: `${name}[${block}][row % 4u]`,
  }[words];
  return wgsl`
    fn ${name}_scale(row: u32) -> f32 {
      return bitcast<f32>(${scale});
    }`;
}

/** `fn signed_bytes(word: u32) -> vec4f`: integers from −128 to 127. */
export const signedBytes = wgsl`
  fn signed_bytes(word: u32) -> vec4f {
    return vec4f(vec4i(vec4u(word) << vec4u(24, 16, 8, 0)) >> vec4u(24));
  }`;

/**
 * `fn signed_halves(word: u32) -> vec4h`: the same, where there is f16. A byte in the mantissa of 1024 is added to it; with its highest bit turned
 * over it counts from −128. Both are less work than to convert integers.
 */
export const signedHalves = wgsl`
  fn signed_halves(word: u32) -> vec4h {
    let even = bitcast<vec2h>((word & 0x00ff00ffu) ^ 0x64806480u) - vec2h(1152);
    let odd = bitcast<vec2h>(((word >> 8u) & 0x00ff00ffu) ^ 0x64806480u) - vec2h(1152);
    return vec4h(even.x, odd.x, even.y, odd.y);
  }`;

/** `fn load_NAME(row: u32, quad: u32) -> vec4f`, and what it calls. */
export const int8RowLoader = (name: string, width: number): readonly string[] => [
  signedBytes,
  int8Scale(name, width, 1),
  wgsl`
    fn load_${name}(row: u32, quad: u32) -> vec4f {
      return ${name}_scale(row) * signed_bytes(${name}[${int8Index(width, 1, 'quad')}]);
    }`,
];

/** `fn store_NAME(row: u32, quad: u32, value: vec4f, largest: f32)`, and `store_NAME_scale(row, largest)`: `largest` is the row's largest magnitude. */
export const int8RowStorer = (name: string, width: number): readonly string[] => [
  wgsl`
    fn store_${name}_scale(row: u32, largest: f32) {
      ${name}[row / 4u * ${blockWords(width)}u + row % 4u] = bitcast<u32>(largest / 127.0);
    }`,
  wgsl`
    fn store_${name}(row: u32, quad: u32, value: vec4f, largest: f32) {
      ${name}[${int8Index(width, 1, 'quad')}] = pack4x8snorm(select(vec4f(0), value / largest, largest > 0.0));
    }`,
];
