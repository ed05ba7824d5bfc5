import type { QuantizedStorage } from '../plan/kernel-plan.ts';
import { wgsl } from './wgsl.ts';

/** The codes of a quad, and what they are counted from. */
const codesOf: Readonly<Record<QuantizedStorage['dtype'], (name: string) => { codes: string; zero: string }>> = {
  int8: (name) => ({ codes: `unpack4xU8(${name}[index])`, zero: '128.0' }),
  int4: (name) => ({
    codes: `(vec4u(${name}[index / 2u] >> (16u * (index % 2u))) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u)`,
    zero: '8.0',
  }),
};

/** As `loader`, for integers: rows are whole groups, so groups are counted over all rows. */
export function quantizedLoader(name: string, { dtype, group, scalesAt }: QuantizedStorage): string {
  const { codes, zero } = codesOf[dtype](name);
  return wgsl`
    fn load_${name}(index: u32) -> vec4f {
      let codes = ${codes};
      let group = index / ${group / 4}u;
      let scale = unpack2x16float(${name}[${scalesAt}u + group / 2u])[group % 2u];
      return scale * (vec4f(codes) - ${zero});
    }`;
}
