import { wgsl } from './wgsl.ts';

/** `fn key_of(value: f32) -> u32`: greater floats have greater keys (sign-magnitude to biased order). */
export const keyOf = wgsl`
  fn key_of(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
  }`;
