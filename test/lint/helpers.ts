import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { LintReport } from '../../src/compiler/diagnostics/lint-report.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import type { SourceFile } from '../../src/compiler/source/source.ts';
import { root } from '../frontend/helpers.ts';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command from its sources. */
export function gqac(args: readonly string[], input = '', cwd = root): Outcome {
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  const command = ['--import', import.meta.resolve('tsx'), join(root, 'src/cli/main.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd, input, encoding: 'utf8', env });
  return { status, stdout, stderr };
}

/** The report of a run over these files, as the command makes it. */
export function reportOf(files: readonly SourceFile[], extra: Partial<LintReport> = {}): LintReport {
  const results = files.map((file) => checkSpec(file));
  return {
    files: files.map(({ path }) => path),
    diagnostics: results.flatMap(({ diagnostics, ignored }) => diagnostics.filter((one) => !ignored.has(one))),
    ignored: new Map(results.flatMap(({ ignored }) => [...ignored])),
    known: [],
    fixed: 0,
    warningsFail: false,
    ...extra,
  };
}
