/**
 * `npm run demo`: builds the specs of both trained models and streams text from each, on a GPU if there is one and on the
 * embedded software adapter otherwise.
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openGpu } from '../src/node/adapter.ts';
import { describeAdapter } from '../src/node/adapter-description.ts';
import { openFile } from '../src/node/file-source.ts';
import { charVocabulary } from '../src/runtime/abi1/index.ts';

const folder = new URL('./', import.meta.url);
const cli = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

const examples = [
  {
    path: 'shakespeare-xt-mem-mqa',
    load: () => import('./shakespeare-xt-mem-mqa/generated/shakespeare_xt_mem_mqa.ts'),
  },
  {
    path: 'shakespeare-minimind-gqa',
    load: () => import('./shakespeare-minimind-gqa/generated/shakespeare_minimind_gqa.ts'),
  },
] as const;

for (const { path, load } of examples) {
  const example = new URL(`${path}/`, folder);
  const spec = fileURLToPath(new URL('spec.yaml', example));
  execFileSync(process.execPath, [...process.execArgv, cli, 'build', spec], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const { prompt, greedy } = JSON.parse(await readFile(new URL('expected.json', example), 'utf8'));
  const vocabulary = charVocabulary(JSON.parse(await readFile(new URL('vocab.json', example), 'utf8')));

  const { adapter, description } = await openGpu();
  process.stdout.write(`${describeAdapter(description)}\n`);
  const module = await load();
  const model = await module.load({
    adapter,
    weights: await openFile(fileURLToPath(new URL('model.safetensors', example))),
  });
  const session = await model.createSession();

  process.stdout.write(`${path}, variant ${model.variant}:\n\n${prompt}`);
  const started = performance.now();
  let text = prompt;
  let first = 0;
  let tokens = 0;
  for await (const id of session.generate(vocabulary.encode(prompt), { maxTokens: greedy.length - prompt.length })) {
    if (tokens === 0) first = performance.now();
    tokens++;
    const piece = vocabulary.decode([id]);
    text += piece;
    process.stdout.write(piece);
  }
  const rate = (1000 * (tokens - 1)) / (performance.now() - first);
  process.stdout.write(`\n\nfirst token: ${(first - started).toFixed(0)} ms\ntokens per second: ${rate.toFixed(1)}\n`);
  process.stdout.write(
    `${text === greedy ? 'equal to' : 'DIFFERENT FROM'} the reference's greedy text, ${text.length} characters\n\n`,
  );
  if (text !== greedy) process.exitCode = 1;
  model.dispose();
}
