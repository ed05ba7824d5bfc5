import pico from 'picocolors';
import { noColours, type Palette } from '../compiler/diagnostics/render-text.ts';
import { fileReason } from './files/file-errors.ts';

export const exitCodes = Object.freeze({ clean: 0, findings: 1, usage: 2, internal: 3, noGpu: 4, interrupted: 130 });

/** Input that cannot be read, or options that make no sense together: exit code 2. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** Colours for a stream: on terminals, and never with NO_COLOR. FORCE_COLOR turns them on elsewhere. */
export function paletteFor(stream: { readonly isTTY?: boolean }): Palette {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const wanted = FORCE_COLOR !== undefined && FORCE_COLOR !== '0' ? true : stream.isTTY === true && TERM !== 'dumb';
  if (!wanted || (NO_COLOR !== undefined && NO_COLOR !== '')) return noColours;
  const colours = pico.createColors(true);
  return {
    error: (text) => colours.bold(colours.red(text)),
    warning: (text) => colours.bold(colours.yellow(text)),
    info: (text) => colours.bold(colours.cyan(text)),
    bold: colours.bold,
    dim: colours.blue,
  };
}

/** A reader that stops early, such as `head`, is no failure; a full disk is one. */
export function endWithOutput(): void {
  const end = (error: NodeJS.ErrnoException, say: (line: string) => void) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? exitCodes.clean);
    say(`error: the output cannot be written: ${fileReason(error)}\n`);
    process.exit(exitCodes.usage);
  };
  process.stdout.on('error', (error) => end(error, (line) => process.stderr.write(line)));
  process.stderr.on('error', (error) => end(error, () => {}));
}

export function countOf(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** An option that is an integer. @throws InputError for anything else than one from `least` to `most`. */
export function readNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value;
  throw new InputError(`${flag} ${text} is not an integer from ${least} to ${most}`);
}
