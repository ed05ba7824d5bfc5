/** npm run figures: writes what `bench/results/h100` and the profile of that device hold into the pages that show it. */
import { readFile, writeFile } from 'node:fs/promises';
import { type Figures, withFigures } from './src/figures.ts';

const root = new URL('../', import.meta.url);
const json = async (path: string) => JSON.parse(await readFile(new URL(path, root), 'utf8'));

export const pages = ['README.md', 'bench/README.md'] as const;

export async function readFigures(): Promise<Figures> {
  return {
    bench: await json('bench/results/h100/attention.json'),
    pytorch: await json('bench/results/h100/pytorch.json'),
    tuned: await Promise.all(
      ['profiles/nvidia-h100.json', 'bench/results/h100/long-calls.json', 'bench/results/h100/llama-1b.json'].map(json),
    ),
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const figures = await readFigures();
  for (const page of pages) {
    const path = new URL(page, root);
    await writeFile(path, withFigures(await readFile(path, 'utf8'), figures));
  }
}
