import type { Architecture } from '../architecture.ts';
import { attentionBias, llama } from './llama.ts';

const granite: Architecture = {
  ...llama,
  model: (config) => ({
    embedding_scale: config.number('embedding_multiplier'),
    block: { residual_scale: config.number('residual_multiplier') ?? 1 },
    logit_scale: 1 / (config.number('logits_scaling') ?? 1),
  }),
  attention: (config) => ({
    ...attentionBias(false, 'q', 'k', 'v', 'o')(config),
    scale: config.number('attention_multiplier') ?? 1,
  }),
};

export const architectures: Readonly<Record<string, Architecture>> = { granite };
