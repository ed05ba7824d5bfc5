import type { Architecture } from './architecture.ts';
import { architectures as bert } from './architectures/bert.ts';
import { architectures as bloom } from './architectures/bloom.ts';
import { architectures as cohere } from './architectures/cohere.ts';
import { architectures as deepseek } from './architectures/deepseek.ts';
import { architectures as deepseekV2 } from './architectures/deepseek-v2.ts';
import { architectures as falcon } from './architectures/falcon.ts';
import { architectures as gemma } from './architectures/gemma.ts';
import { architectures as glm } from './architectures/glm.ts';
import { architectures as gptNeo } from './architectures/gpt-neo.ts';
import { architectures as gptNeox } from './architectures/gpt-neox.ts';
import { architectures as gptOss } from './architectures/gpt-oss.ts';
import { architectures as gpt2 } from './architectures/gpt2.ts';
import { architectures as gptj } from './architectures/gptj.ts';
import { architectures as granite } from './architectures/granite.ts';
import { architectures as llama } from './architectures/llama.ts';
import { architectures as llamaLikes } from './architectures/llama-likes.ts';
import { architectures as mixtral } from './architectures/mixtral.ts';
import { architectures as mpt } from './architectures/mpt.ts';
import { architectures as olmo } from './architectures/olmo.ts';
import { architectures as opt } from './architectures/opt.ts';
import { architectures as persimmon } from './architectures/persimmon.ts';
import { architectures as phi } from './architectures/phi.ts';
import { architectures as qwenMoe } from './architectures/qwen-moe.ts';
import { architectures as stablelm } from './architectures/stablelm.ts';
import { architectures as starcoder2 } from './architectures/starcoder2.ts';

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
  families.flatMap((family) => Object.entries(family)),
);

export const modelTypes: readonly string[] = [...architectures.keys()].sort();
