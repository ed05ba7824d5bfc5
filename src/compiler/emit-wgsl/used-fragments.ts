/** Declarations that a blank line sets apart are needed apart. */
const apart = (fragment: string): readonly string[] => fragment.split(/\n\n(?=\/\*\*|fn |alias |struct |const |var<)/);

/** What a fragment declares begins a line of it. */
const declarations = /^(fn|alias|struct|const|var<private>) (\w+)/gm;

/** Names, those that are called with their parenthesis: a function's name may be a field's or a variable's, too. */
const wordsOf = (text: string): readonly string[] => text.match(/[A-Za-z_]\w*\(?/g) ?? [];

const usesOf = (text: string) =>
  [...text.matchAll(declarations)].flatMap(([, kind, name]) =>
    kind === 'fn' ? [`${name}(`] : [`${name}`, `${name}(`],
  );

/**
 * What a kernel needs of its fragments, each declaration once and in their order, and the words of all its text: parts of kernels offer
 * functions that only some of these call.
 */
export function usedFragments(
  fragments: readonly string[],
  main: string,
): { readonly used: readonly string[]; readonly words: ReadonlySet<string> } {
  const words = new Set(wordsOf(main));
  const used = new Set<string>();
  const pieces = new Set(fragments.flatMap(apart));
  const others = new Map([...pieces].map((piece) => [piece, usesOf(piece)]));
  for (let before = -1; used.size > before; ) {
    before = used.size;
    for (const [piece, uses] of others) {
      if (!uses.some((word) => words.has(word))) continue;
      used.add(piece);
      others.delete(piece);
      for (const word of wordsOf(piece)) words.add(word);
    }
  }
  return { used: [...pieces].filter((piece) => used.has(piece)), words };
}
