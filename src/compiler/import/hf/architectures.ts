import type { Architecture } from './architecture.ts';
import * as bert from './architectures/bert.ts';
import * as bloom from './architectures/bloom.ts';
import * as cohere from './architectures/cohere.ts';
import * as deepseek from './architectures/deepseek.ts';
import * as deepseekV2 from './architectures/deepseek-v2.ts';
import * as falcon from './architectures/falcon.ts';
import * as gemma from './architectures/gemma.ts';
import * as glm from './architectures/glm.ts';
import * as gptNeo from './architectures/gpt-neo.ts';
import * as gptNeox from './architectures/gpt-neox.ts';
import * as gptOss from './architectures/gpt-oss.ts';
import * as gpt2 from './architectures/gpt2.ts';
import * as gptj from './architectures/gptj.ts';
import * as granite from './architectures/granite.ts';
import * as llama from './architectures/llama.ts';
import * as llamaLikes from './architectures/llama-likes.ts';
import * as mixtral from './architectures/mixtral.ts';
import * as mpt from './architectures/mpt.ts';
import * as olmo from './architectures/olmo.ts';
import * as opt from './architectures/opt.ts';
import * as persimmon from './architectures/persimmon.ts';
import * as phi from './architectures/phi.ts';
import * as qwenMoe from './architectures/qwen-moe.ts';
import * as stablelm from './architectures/stablelm.ts';
import * as starcoder2 from './architectures/starcoder2.ts';

const families = [
  bert,
  bloom,
  cohere,
  deepseek,
  deepseekV2,
  falcon,
  gemma,
  glm,
  gpt2,
  gptj,
  gptNeo,
  gptNeox,
  gptOss,
  granite,
  llama,
  llamaLikes,
  mixtral,
  mpt,
  olmo,
  opt,
  persimmon,
  phi,
  qwenMoe,
  stablelm,
  starcoder2,
];

/** By `model_type`. */
export const architectures: ReadonlyMap<string, Architecture> = new Map(
  families.flatMap((family) => Object.entries(family.architectures)),
);

export const modelTypes: readonly string[] = [...architectures.keys()].sort();
