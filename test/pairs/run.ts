import { expect } from 'vitest';
import { compileModule } from '../../src/compiler/compile.ts';
import type { ConfigObject } from '../../src/compiler/import/fields.ts';
import { randomCheckpoint } from '../../src/verify/random-checkpoint.ts';
import { verifyModule } from '../../src/verify/verify-module.ts';
import { checkConfig } from './check.ts';
import type { Named, Pair } from './groups.ts';

/** Each pair through importer and checker. Out: the first code of those that are refused. */
export function refusalsOf<T extends Named>(
  pairs: readonly Pair<T>[],
  configOf: (group: readonly T[]) => ConfigObject,
) {
  const refused = pairs.flatMap(({ name, a, b }) => {
    const [code] = checkConfig(configOf([a, b])).codes;
    return code === undefined ? [] : [[name, code] as const];
  });
  return Object.fromEntries(refused);
}

/**
 * Each group on the device, against the reference. Equal tokens without positions have equal logits, which top-k keeps or drops
 * together; where two kernels make them, rounding decides, so that groups with top-k are compared node by node only.
 */
export async function expectGroups<T extends Named>(
  groups: readonly (readonly T[])[],
  configOf: (group: readonly T[]) => ConfigObject,
  device: GPUDevice,
): Promise<void> {
  const failures: string[] = [];
  for (const group of groups) {
    const name = group.map((option) => option.name).join(' + ');
    const { shaped, codes } = checkConfig(configOf(group));
    if (shaped === undefined || codes.length > 0) {
      failures.push(`${name}: ${codes.join()}`);
      continue;
    }
    const checkpoint = await randomCheckpoint(shaped, 7);
    const { entries } = await verifyModule(shaped, compileModule(shaped), { device, checkpoint, tokens: 6, seed: 3 });
    const isCompared = ({ stage }: { stage: string }) => stage !== 'whole' || !name.includes('sparse_topk');
    const wrong = entries.filter((entry) => !entry.passed && isCompared(entry));
    if (entries.length === 0 || wrong.length > 0) failures.push(`${name}: ${JSON.stringify(wrong)}`);
  }
  expect(failures).toEqual([]);
}
