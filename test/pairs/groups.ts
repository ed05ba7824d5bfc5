export interface Named {
  readonly name: string;
}

export interface Pair<T> {
  readonly name: string;
  readonly a: T;
  readonly b: T;
}

const pairName = (a: Named, b: Named) => `${a.name} + ${b.name}`;

/** All pairs of options that do not give one argument different values. */
export function pairsOf<T extends Named>(options: readonly T[], agree: (a: T, b: T) => boolean): readonly Pair<T>[] {
  return options.flatMap((a, index) =>
    options.slice(index + 1).flatMap((b) => (agree(a, b) ? [{ name: pairName(a, b), a, b }] : [])),
  );
}

/** A list of norms of q and k has two at most. */
const isNorm = ({ name }: Named) => /k_(rms)?norm/.test(name);

/** Capped logits come close to the cap, where f32 has few numbers: which of them top-k keeps is then a matter of rounding. */
const roundedOff = [/softclamp_logits/, /sparse_topk/];

const isTooMuch = (group: readonly Named[]) =>
  group.filter(isNorm).length > 2 || roundedOff.every((kind) => group.some(({ name }) => kind.test(name)));

/** Groups of options that go together, few of them, so that each of the pairs is in one. */
export function groupsOf<T extends Named>(legal: readonly Pair<T>[], most: number): readonly (readonly T[])[] {
  const names = new Set(legal.map(({ name }) => name));
  const left = new Map(legal.map((pair) => [pair.name, pair]));
  const options = [...new Set(legal.flatMap(({ a, b }) => [a, b]))];
  const isIn = (set: { has(name: string): boolean }, a: T, b: T) => set.has(pairName(a, b)) || set.has(pairName(b, a));
  const groups: T[][] = [];
  for (let [next] = left.values(); next !== undefined; [next] = left.values()) {
    const group = [next.a, next.b];
    const gain = (option: T) => group.filter((other) => isIn(left, option, other)).length;
    const fits = (option: T) =>
      group.every((other) => other !== option && isIn(names, option, other)) && !isTooMuch([...group, option]);
    while (group.length < most) {
      const [best] = options.filter(fits).sort((a, b) => gain(b) - gain(a));
      if (best === undefined || gain(best) === 0) break;
      group.push(best);
    }
    for (const a of group) for (const b of group) left.delete(pairName(a, b));
    groups.push(group);
  }
  return groups;
}
