/** Fields in which two schedules differ. */
function distance(a: object, b: object): number {
  const others = new Map(Object.entries(b));
  return Object.entries(a).filter(([name, value]) => others.get(name) !== value).length;
}

/**
 * Candidates in the order in which they are worth a trial: those first that differ in the fewest fields from the best so far. As the
 * best changes this descends along one field at a time, and in the end it reaches them all.
 */
export function nearestFirst<Candidate extends { readonly schedule: object }>(
  candidates: readonly Candidate[],
  best: object | undefined,
): readonly Candidate[] {
  return best === undefined
    ? candidates
    : [...candidates].sort((a, b) => distance(a.schedule, best) - distance(b.schedule, best));
}
