import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parameterCount } from '../../src/compiler/facts/parameters.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';

/** Numbers in the tensors of the published checkpoints, a tied head once; of encoders, those of the layers and embeddings. */
const published: readonly (readonly [name: string, parameters: number])[] = [
  ['aya-23-8b', 8_028_033_024],
  ['bert-base-uncased', 108_891_648],
  ['bloom-176b', 176_247_271_424],
  ['bloom-1b1', 1_065_314_304],
  ['bloom-3b', 3_002_557_440],
  ['bloom-560m', 559_214_592],
  ['bloom-7b1', 7_069_016_064],
  ['command-r7b', 8_028_033_024],
  ['deepseek-v3', 671_026_419_200],
  ['distilbert-base-uncased', 66_362_880],
  ['falcon-40b', 41_303_293_952],
  ['falcon-7b', 6_921_720_704],
  ['falcon-rw-1b', 1_311_625_216],
  ['gemma-2-27b', 27_227_128_320],
  ['gemma-2-2b', 2_614_341_888],
  ['gemma-2-9b', 9_241_705_984],
  ['gemma-2b', 2_506_172_416],
  ['gemma-3-1b', 999_885_952],
  ['gemma-3-270m', 268_098_176],
  ['gemma-7b', 8_537_680_896],
  ['glm-4-9b-0414', 9_400_279_040],
  ['gpt-j-6b', 6_050_882_784],
  ['gpt-neo-1.3b', 1_315_575_808],
  ['gpt-neo-125m', 125_198_592],
  ['gpt-neo-2.7b', 2_651_307_520],
  ['gpt-oss-120b', 116_829_156_672],
  ['gpt-oss-20b', 20_914_757_184],
  ['gpt2', 124_439_808],
  ['gpt2-large', 774_030_080],
  ['gpt2-medium', 354_823_168],
  ['gpt2-xl', 1_557_611_200],
  ['llama-2-13b', 13_015_864_320],
  ['llama-2-70b', 68_976_648_192],
  ['llama-2-7b', 6_738_415_616],
  ['llama-3-8b', 8_030_261_248],
  ['llama-3.1-405b', 405_853_388_800],
  ['llama-3.1-70b', 70_553_706_496],
  ['llama-3.1-8b', 8_030_261_248],
  ['llama-3.2-1b', 1_235_814_400],
  ['llama-3.2-3b', 3_212_749_824],
  ['mistral-7b-v0.1', 7_241_732_096],
  ['mistral-7b-v0.3', 7_248_023_552],
  ['mistral-nemo-12b', 12_247_782_400],
  ['mixtral-8x22b', 140_620_634_112],
  ['mixtral-8x7b', 46_702_792_704],
  ['mpt-7b', 6_649_286_656],
  ['olmo-1b', 1_176_764_416],
  ['olmo-2-13b', 13_716_198_400],
  ['olmo-2-1b', 1_484_916_736],
  ['olmo-2-7b', 7_298_617_344],
  ['olmo-7b', 6_888_095_744],
  ['opt-1.3b', 1_315_758_080],
  ['opt-125m', 125_239_296],
  ['opt-2.7b', 2_651_596_800],
  ['opt-350m', 331_196_416],
  ['opt-6.7b', 6_658_473_984],
  ['phi-1.5', 1_418_270_720],
  ['phi-2', 2_779_683_840],
  ['phi-3-medium-4k', 13_960_238_080],
  ['phi-3-mini-4k', 3_821_079_552],
  ['phi-4', 14_659_507_200],
  ['pythia-1.4b', 1_414_647_808],
  ['pythia-12b', 11_846_072_320],
  ['pythia-160m', 162_322_944],
  ['pythia-1b', 1_011_781_632],
  ['pythia-2.8b', 2_775_208_960],
  ['pythia-410m', 405_334_016],
  ['pythia-6.9b', 6_857_302_016],
  ['pythia-70m', 70_426_624],
  ['qwen2.5-0.5b', 494_032_768],
  ['qwen2.5-1.5b', 1_543_714_304],
  ['qwen2.5-3b', 3_085_938_688],
  ['qwen2.5-7b', 7_615_616_512],
  ['qwen3-0.6b', 596_049_920],
  ['qwen3-1.7b', 1_720_574_976],
  ['qwen3-14b', 14_768_307_200],
  ['qwen3-235b-a22b', 235_093_634_560],
  ['qwen3-30b-a3b', 30_532_122_624],
  ['qwen3-32b', 32_762_123_264],
  ['qwen3-4b', 4_022_468_096],
  ['qwen3-8b', 8_190_735_360],
  ['smollm2-1.7b', 1_711_376_384],
  ['smollm2-135m', 134_515_008],
  ['smollm2-360m', 361_821_120],
  ['smollm3-3b', 3_075_098_624],
  ['stablelm-2-1.6b', 1_644_515_328],
  ['stablelm-3b-4e1t', 2_795_443_200],
  ['starcoder', 15_517_456_384],
  ['starcoder2-15b', 15_957_889_024],
  ['starcoder2-3b', 3_030_371_328],
  ['starcoder2-7b', 7_173_923_840],
  ['tinyllama-1.1b', 1_100_048_384],
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
