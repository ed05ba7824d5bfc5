import type { Command } from 'commander';
import { exitCodes, InputError, paletteFor } from '../output.ts';

interface DiagramFlags {
  readonly output?: string;
  readonly force?: boolean;
}

export function register(program: Command): void {
  program
    .command('diagram')
    .description('draw head groups, key columns and the pattern of layers as an SVG')
    .argument('<spec>', 'spec file, a config of another system as JSON, a folder with either, or - for standard input')
    .option('-o, --output <file>', 'file to write; default: standard output')
    .option('--force', 'overwrite a file that gqac did not draw')
    .action(async (path: string, flags: DiagramFlags) => {
      process.exitCode = await diagram(path, flags);
    });
}

/** Exit code: 0 drawn, 1 the spec has errors. */
async function diagram(path: string, flags: DiagramFlags): Promise<number> {
  const { checkModel } = await import('../run/model-source.ts');
  const { drawDiagram } = await import('../../compiler/diagram/diagram.ts');
  const shaped = await checkModel(path, paletteFor(process.stderr));
  if (shaped === undefined) return exitCodes.findings;
  const svg = drawDiagram(shaped);
  if (flags.output === undefined) process.stdout.write(svg);
  else await write(flags.output, svg, flags.force ?? false);
  return exitCodes.clean;
}

async function write(file: string, svg: string, force: boolean): Promise<void> {
  const { readTextIfThere } = await import('../files/json-file.ts');
  const { replaceFile } = await import('../files/replace-file.ts');
  const { diagramMark } = await import('../../compiler/diagram/diagram.ts');
  const there = force ? undefined : await readTextIfThere(file);
  if (there !== undefined && !there.includes(diagramMark))
    throw new InputError(`${file} was not drawn by gqac: give another name, or --force to overwrite it`);
  await replaceFile(file, svg);
}
