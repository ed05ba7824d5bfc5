import { readFileSync } from 'node:fs';

/** Prints the commands of the README's quick start, so that CI runs exactly what a newcomer is told to run. */
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const section = readme.split(/^## /m).find((text) => text.startsWith('Quick start\n'));
const block = section?.match(/^```sh\n([\s\S]*?)^```$/m)?.[1];
if (block === undefined) throw new Error('README.md has no sh block under "## Quick start": CI runs it');
process.stdout.write(block);
