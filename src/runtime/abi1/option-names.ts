import { quoteName, UsageError } from './errors.ts';

/** Every option that a call knows; the compiler sees to it that none is left out. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * TypeScript finds a misspelt option; in JavaScript it would do nothing, and nobody would know.
 * @param call what was called, as its caller wrote it
 * @throws UsageError for an option that is not known, naming the nearest one, and for what is no object
 */
export function checkOptions<Options extends object>(
  call: string,
  given: Options,
  known: OptionNames<Options>,
  kind = 'option',
): void {
  if (typeof given !== 'object' || given === null)
    throw new UsageError(`${call} takes ${kind}s by name, { ${Object.keys(known).join(', ')} }, and not ${given}`);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name))
      throw new UsageError(`${call} has no ${kind} ${quoteName(name)}${hint(name, known)}`);
  }
}

function hint(name: string, known: object): string {
  const names = Object.keys(known);
  const [nearest] = names
    .map((option) => ({ option, edits: editsBetween(name.toLowerCase(), option.toLowerCase()) }))
    .filter(({ option, edits }) => edits <= Math.max(1, option.length * 0.4))
    .sort((a, b) => a.edits - b.edits);
  if (nearest !== undefined) return `: did you mean ${nearest.option}?`;
  return names.length === 0 ? '' : `: it has ${names.join(', ')}`;
}

/** Letters to put in, take out or exchange (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, place) => place);
  for (const [row, letter] of [...a].entries()) {
    const edits = [row + 1];
    for (let place = 1; place < above.length; place++) {
      const exchanged = (above[place - 1] ?? 0) + (letter === b[place - 1] ? 0 : 1);
      edits.push(Math.min(exchanged, (above[place] ?? 0) + 1, (edits[place - 1] ?? 0) + 1));
    }
    above = edits;
  }
  return above.at(-1) ?? 0;
}
