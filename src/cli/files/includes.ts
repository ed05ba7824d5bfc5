import { dirname, join } from 'node:path';
import { type Included, includesOf, type ReadInclude } from '../../compiler/check/expand.ts';
import type { SourceFile } from '../../compiler/source/source.ts';
import { type Parse, parserOf, syntaxOf } from '../../compiler/syntax/syntaxes.ts';
import { isInside } from '../../node/inside-folder.ts';
import { InputError } from '../output.ts';
import { readSource } from './spec-text.ts';

/** The files that a spec includes, read beforehand: the checker takes them when it comes to them. */
export interface Includes {
  readonly readInclude: ReadInclude;
  readonly sources: readonly SourceFile[];
}

/** More are refused by the checker; reading stops there. */
const mostFiles = 64;

/**
 * Reads what a spec includes, and what that includes. `folder` is the one of the spec, which no link may lead out of.
 * @returns undefined for a spec that includes nothing.
 */
export async function loadIncludes(source: SourceFile, parse: Parse, folder: string): Promise<Includes | undefined> {
  const found = new Map<string, Included>();
  const queue = [{ source, parse }];
  for (const file of queue) {
    for (const path of pathsIn(file)) {
      const target = besides(path, file.source);
      if (found.has(target) || found.size === mostFiles) continue;
      const included = await read(target, folder);
      found.set(target, included);
      if ('source' in included) queue.push(included);
    }
  }
  if (found.size === 0) return undefined;
  const sources = [...found.values()].flatMap((one) => ('source' in one ? [one.source] : []));
  const readInclude: ReadInclude = (path, from) => found.get(besides(path, from)) ?? { problem: 'was not read' };
  return { readInclude, sources };
}

/** Malformed files are reported when the checker comes to them. */
function pathsIn({ source, parse }: { readonly source: SourceFile; readonly parse: Parse }): readonly string[] {
  if (!source.text.includes('include')) return [];
  const tree = parse(source, () => undefined);
  return tree === undefined ? [] : includesOf(tree);
}

function besides(path: string, { path: from }: SourceFile): string {
  return from === '<stdin>' ? path : join(dirname(from), path);
}

async function read(path: string, folder: string): Promise<Included> {
  if (!(await isInside(path, folder))) return { problem: 'is a link out of the folder of the spec' };
  try {
    const source = await readSource(path);
    return { source, parse: await parserOf(syntaxOf(source)) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { message } = error;
    return { problem: message.startsWith(`${path} `) ? message.slice(path.length + 1) : message };
  }
}
