import { collectDiagnostics } from '../../src/compiler/diagnostics/report.ts';
import { type PrintableSpec, printYaml } from '../../src/compiler/syntax/print.ts';
import { toPlain } from '../../src/compiler/syntax/tree.ts';
import { parseYaml } from '../../src/compiler/syntax/yaml.ts';
import { randomNumbers } from '../../src/verify/random.ts';
import { Judge } from './judge.ts';
import { mutate, type Plain } from './mutate.ts';
import { seedSpecs } from './seeds.ts';

export interface Failure {
  readonly what: string;
  readonly seed: number;
  readonly text: string;
  readonly problems: readonly string[];
}

export interface SearchReport {
  readonly count: number;
  readonly rejected: number;
  /** Accepted and computed by the reference. */
  readonly ran: number;
  /** Accepted, and too large to be computed. */
  readonly compiled: number;
  readonly failures: readonly Failure[];
}

export interface SearchOptions {
  readonly count: number;
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}

/** Mutations of one option of valid specs: each is rejected with a place in the text, or accepted by the reference and by Dawn. */
export async function searchMutations({ count, seed, onProgress }: SearchOptions): Promise<SearchReport> {
  const judge = new Judge();
  const tally = { rejected: 0, ran: 0, compiled: 0 };
  const failures: Failure[] = [];
  const specs = seedSpecs.map(plainOf);
  for (let index = 0; index < count; index++) {
    const own = seed + index;
    const { what, spec } = mutate(specs[index % specs.length] ?? {}, randomNumbers(own));
    const text = printYaml(spec as PrintableSpec);
    const verdict = await judge.judge(text).catch((error: unknown) => {
      const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { kind: 'ran', problems: [`threw: ${problem.split('\n').slice(0, 4).join(' ')}`] } as const;
    });
    tally[verdict.kind] += 1;
    if (verdict.problems.length > 0) failures.push({ what, seed: own, text, problems: verdict.problems });
    if ((index + 1) % 1000 === 0) onProgress?.(index + 1);
  }
  await judge.close();
  return { count, ...tally, failures };
}

function plainOf(text: string): Plain {
  const { report } = collectDiagnostics();
  const tree = parseYaml({ path: 'seed', text }, report);
  if (tree === undefined) throw new Error(`a seed is malformed: ${text}`);
  return toPlain(tree) as Plain;
}
