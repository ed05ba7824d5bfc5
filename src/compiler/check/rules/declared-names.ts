import { isFunctionName } from '../../expression/functions.ts';
import { isBuiltinName } from '../../expression/scope.ts';

/** Why a name that a spec declares for its expressions cannot be one. */
export function nameProblem(
  name: string,
  taken: readonly string[],
): { readonly problem: string; readonly help: string } | undefined {
  if (isBuiltinName(name) || isFunctionName(name) || name === 'true' || name === 'false' || taken.includes(name))
    return { problem: `\`${name.slice(0, 60)}\` has a meaning in expressions already`, help: 'use another name' };
  if (/^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(name)) return undefined;
  const help = 'a letter, then at most 62 letters, digits or underscores';
  return { problem: `\`${name.slice(0, 60)}\` is no name`, help };
}
