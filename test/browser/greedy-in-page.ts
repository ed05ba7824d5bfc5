/** Bundled and run in the page: the generated module and the runtime alone, as an app would use them. */
import { load } from '../../examples/shakespeare-minimind-gqa/generated/shakespeare_minimind_gqa.ts';
import { charVocabulary, fetchSource } from '../../src/runtime/abi1/index.ts';

export async function greedyText({ prompt, tokens }: { prompt: string; tokens: number }): Promise<string> {
  const vocabulary = charVocabulary(await (await fetch('/vocab.json')).json());
  const model = await load({ weights: await fetchSource('/model.safetensors') });
  const session = await model.createSession();
  let text = prompt;
  for await (const id of session.generate(vocabulary.encode(prompt), { maxTokens: tokens }))
    text += vocabulary.decode([id]);
  model.dispose();
  return text;
}
