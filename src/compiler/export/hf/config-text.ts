import type { Config } from './fields.ts';

/** Fields that transformers takes as floats only: it refuses 30, and takes 30.0. */
const floats: readonly string[] = [
  'attention_factor',
  'attn_logit_softcapping',
  'clip_qkv',
  'final_logit_softcapping',
  'logit_scale',
  'routed_scaling_factor',
  'softmax_scale',
];

/** The text of a `config.json`. JavaScript writes the same for 30 and 30.0, Python reads an integer and a float. */
export function configText(config: Config): string {
  const integer = new RegExp(`^( *"(?:${floats.join('|')})": -?\\d+)(,?)$`, 'gm');
  return `${JSON.stringify(config, null, 2)}\n`.replace(integer, '$1.0$2');
}
