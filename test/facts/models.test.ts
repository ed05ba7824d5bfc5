import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parameterCount } from '../../src/compiler/facts/parameters.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';

/** Numbers in the tensors of the published checkpoints, a tied head once. */
const published: readonly (readonly [name: string, parameters: number])[] = [
  ['llama-2-7b', 6_738_415_616],
  ['llama-2-13b', 13_015_864_320],
  ['llama-2-70b', 68_976_648_192],
  ['llama-3-8b', 8_030_261_248],
  ['llama-3.1-8b', 8_030_261_248],
  ['llama-3.1-70b', 70_553_706_496],
  ['llama-3.1-405b', 405_853_388_800],
  ['llama-3.2-1b', 1_235_814_400],
  ['llama-3.2-3b', 3_212_749_824],
  ['tinyllama-1.1b', 1_100_048_384],
  ['smollm2-135m', 134_515_008],
  ['smollm2-360m', 361_821_120],
  ['smollm2-1.7b', 1_711_376_384],
  ['mistral-7b-v0.1', 7_241_732_096],
  ['mistral-7b-v0.3', 7_248_023_552],
  ['mistral-nemo-12b', 12_247_782_400],
  ['qwen2.5-0.5b', 494_032_768],
  ['qwen2.5-1.5b', 1_543_714_304],
  ['qwen2.5-3b', 3_085_938_688],
  ['qwen2.5-7b', 7_615_616_512],
  ['qwen2.5-14b', 14_770_033_664],
  ['qwen2.5-32b', 32_763_876_352],
  ['qwen2.5-72b', 72_706_203_648],
  ['qwen3-0.6b', 596_049_920],
  ['qwen3-1.7b', 1_720_574_976],
  ['qwen3-4b', 4_022_468_096],
  ['qwen3-8b', 8_190_735_360],
  ['qwen3-14b', 14_768_307_200],
  ['qwen3-32b', 32_762_123_264],
  ['smollm3-3b', 3_075_098_624],
];

const folder = new URL('../../examples/models/', import.meta.url);

describe('specs of published models', () => {
  it.each(published)('%s has %i parameters', (name, parameters) => {
    const path = `${name}.gqa.yaml`;
    const { shaped, diagnostics } = checkSpec({ path, text: readFileSync(new URL(path, folder), 'utf8') });
    expect(diagnostics).toEqual([]);
    expect(shaped === undefined ? undefined : parameterCount(shaped)).toBe(parameters);
  });

  it('are all counted here', () => {
    const names = readdirSync(folder).map((file) => file.replace('.gqa.yaml', ''));
    expect(names.sort()).toEqual(published.map(([name]) => name).sort());
  });
});
