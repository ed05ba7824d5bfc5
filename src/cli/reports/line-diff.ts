interface Line {
  readonly kind: ' ' | '-' | '+';
  readonly text: string;
  /** Index in the old and the new text of this line, or of what follows it. */
  readonly before: number;
  readonly after: number;
}

const context = 3;

/** The difference of two texts in the unified format that `patch` reads; empty when there is none. */
export function unifiedDiff(path: string, before: string, after: string): string {
  if (before === after) return '';
  const lines = compare(splitLines(before), splitLines(after));
  const hunks = hunksOf(lines).map((hunk) => {
    const [first] = hunk;
    const old = hunk.filter(({ kind }) => kind !== '+').length;
    const fresh = hunk.filter(({ kind }) => kind !== '-').length;
    const header = `@@ -${range(first?.before ?? 0, old)} +${range(first?.after ?? 0, fresh)} @@\n`;
    return header + hunk.map(({ kind, text }) => kind + ended(text)).join('');
  });
  return `--- ${path}\n+++ ${path}\n${hunks.join('')}`;
}

/** With their line ends. */
function splitLines(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function ended(line: string): string {
  return line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`;
}

/** Lines count from 1; an empty range is after the line that it names. */
function range(index: number, length: number): string {
  return `${length === 0 ? index : index + 1},${length}`;
}

function hunksOf(lines: readonly Line[]): readonly (readonly Line[])[] {
  const changed = lines.flatMap(({ kind }, index) => (kind === ' ' ? [] : [index]));
  const spans: { from: number; to: number }[] = [];
  for (const index of changed) {
    const last = spans.at(-1);
    if (last !== undefined && index - last.to <= 2 * context + 1) last.to = index;
    else spans.push({ from: index, to: index });
  }
  return spans.map(({ from, to }) => lines.slice(Math.max(0, from - context), to + context + 1));
}

/** A shortest edit script: Myers, An O(ND) Difference Algorithm and Its Variations, 1986. */
function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  const reached = new Map<number, number>([[1, 0]]);
  const trail: ReadonlyMap<number, number>[] = [];
  const at = (diagonal: number) => reached.get(diagonal) ?? -1;
  for (let edits = 0; ; edits += 1) {
    trail.push(new Map(reached));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const isInsertion = diagonal === -edits || (diagonal !== edits && at(diagonal - 1) < at(diagonal + 1));
      let x = isInsertion ? at(diagonal + 1) : at(diagonal - 1) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x += 1;
      reached.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) return backtrack(trail, before, after);
    }
  }
}

function backtrack(
  trail: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): readonly Line[] {
  const lines: Line[] = [];
  let x = before.length;
  let y = after.length;
  for (let edits = trail.length - 1; edits >= 0; edits -= 1) {
    const reached = trail[edits] ?? new Map<number, number>();
    const at = (diagonal: number) => reached.get(diagonal) ?? -1;
    const diagonal = x - y;
    const isInsertion = diagonal === -edits || (diagonal !== edits && at(diagonal - 1) < at(diagonal + 1));
    const fromX = edits === 0 ? 0 : at(isInsertion ? diagonal + 1 : diagonal - 1);
    const fromY = edits === 0 ? 0 : fromX - (isInsertion ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      lines.push({ kind: ' ', text: before[x] ?? '', before: x, after: y });
    }
    if (edits === 0) break;
    if (isInsertion) y -= 1;
    else x -= 1;
    lines.push({
      kind: isInsertion ? '+' : '-',
      text: (isInsertion ? after[y] : before[x]) ?? '',
      before: x,
      after: y,
    });
  }
  return lines.reverse();
}
