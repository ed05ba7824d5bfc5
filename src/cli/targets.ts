import { allProfiles } from '../compiler/compile.ts';
import { readProfile } from '../compiler/plan/profiles/file.ts';
import type { TargetProfile } from '../compiler/plan/profiles/profiles.ts';
import { readJson } from './files/json-file.ts';
import { InputError } from './output.ts';
import { shippedProfiles } from './shipped-profiles.ts';

/** The target with tensors of any size. */
export function withoutSizeLimits({ limits, ...target }: TargetProfile): TargetProfile {
  const endless = Number.POSITIVE_INFINITY;
  return { ...target, limits: { ...limits, maxStorageBufferBindingSize: endless, maxBufferSize: endless } };
}

/** What `--target` can name beside `all` and files. */
export const namedTargets: readonly TargetProfile[] = [...allProfiles, ...shippedProfiles];

/** A profile has a few lines; a larger file is none. */
const readAtMost = 1 << 16;

/**
 * The targets that `--target` names: a profile's id, `all` that are no device's, or a JSON file with a profile.
 * @throws InputError for a name that is none, and for a file that is no profile.
 */
export async function targetsOf(target: string): Promise<readonly TargetProfile[]> {
  if (target === 'all') return allProfiles;
  const known = namedTargets.find(({ id }) => id === target);
  if (known !== undefined) return [known];
  if (target.endsWith('.json')) return [await profileIn(target)];
  const ids = namedTargets.map(({ id }) => id);
  throw new InputError(`--target ${target} is not known: use ${ids.join(', ')}, all, or a PROFILE.json`);
}

async function profileIn(path: string): Promise<TargetProfile> {
  const result = readProfile(await readJson(path, readAtMost));
  if ('profile' in result) return result.profile;
  throw new InputError(result.problems.map((problem) => `${path}: ${problem}`).join('\n'));
}
