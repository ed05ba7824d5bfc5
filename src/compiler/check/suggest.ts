import { distance } from 'fastest-levenshtein';

/** Names compared at most: a checkpoint may have 100,000. */
const considered = 4000;

/** Two letters are a slip of the finger; what differs in more is for its writer to mend. */
export const isSlip = (name: string, meant: string): boolean => distance(name.toLowerCase(), meant.toLowerCase()) <= 2;

/** The known name that was probably meant: at most two letters in five differ. */
export function suggest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > 200) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length * 0.4)) + 1;
  let seen = 0;
  for (const candidate of known) {
    seen += 1;
    if (seen > considered) break;
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < bestDistance) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}
