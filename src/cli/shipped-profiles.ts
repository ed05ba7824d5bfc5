import nvidiaH100 from '../../profiles/nvidia-h100.json' with { type: 'json' };
import { readProfile } from '../compiler/plan/profiles/file.ts';
import type { TargetProfile } from '../compiler/plan/profiles/profiles.ts';

/** Profiles of devices that were measured, as `gqac tune` wrote them. They come with the package; `all` does not mean them. */
export const shippedProfiles: readonly TargetProfile[] = [nvidiaH100].map((file) => {
  const result = readProfile(file);
  if ('profile' in result) return result.profile;
  throw new Error(`the profile ${file.id} is not of this version: ${result.problems.join('; ')}`);
});
