import { describe, expect, it } from 'vitest';
import { isObject } from '../../../src/compiler/import/fields.ts';
import { importConfig } from '../../../src/compiler/import/import-config.ts';
import { findCases } from '../../golden/cases.ts';
import { readConfigOf } from '../../golden/prepare.ts';
import { type Config, errorsOf, specOf, tiny } from './helpers.ts';

const cases = (await findCases('test/golden/cases', ['hf-model/'])).filter(({ json }) => json.source !== undefined);
const configs = await Promise.all(cases.map(async (found) => [found.name, await readConfigOf(found)] as const));

/** `rope_parameters` as transformers 4 has them: `rope_theta` and `partial_rotary_factor` apart, the rest is `rope_scaling`. */
function olderSpelling(config: Config): Config {
  const { rope_parameters: parameters, layer_types: _, ...rest } = config;
  if (!isObject(parameters)) return rest;
  const { sliding_attention: local, full_attention: full } = parameters;
  if (isObject(local) && isObject(full)) {
    return { ...olderSpelling({ ...rest, rope_parameters: full }), rope_local_base_freq: local.rope_theta };
  }
  const { rope_theta, partial_rotary_factor, rope_type, ...scaling } = parameters;
  const part = partial_rotary_factor === undefined ? {} : { partial_rotary_factor };
  const older = rope_type === 'default' ? null : { type: rope_type, ...scaling };
  return { ...rest, rope_theta, ...part, rope_scaling: older };
}

describe('configs of transformers 4 and 5', () => {
  it('are there for many types', () => expect(configs.length).toBeGreaterThan(40));

  it.each(configs)('mean the same: %s', (_, config) => {
    const pattern = patternOf(config);
    const older = olderSpelling(config);
    const isPatterned = isWindowed(config) && pattern !== undefined;
    expect(specOf(isPatterned ? { ...older, sliding_window_pattern: pattern } : older)).toEqual(specOf(config));
  });

  it.each(configs)('are read whole: %s', (_, config) => {
    expect(errorsOf(importConfig(config, 'hf'))).toEqual([]);
  });
});

/** Types whose older configs have a pattern in place of `layer_types`. */
const isWindowed = ({ model_type }: Config) => ['gemma3_text', 'cohere2'].includes(String(model_type));

function patternOf({ layer_types: types }: Config): number | undefined {
  return Array.isArray(types) ? types.indexOf('full_attention') + 1 : undefined;
}

describe('fields that one model type reads otherwise', () => {
  const sizes = { vocab_size: 9, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4 };
  const partOf = (config: Config, part: 'attention' | 'layers') => specOf({ ...sizes, ...config })?.[part];

  it('are the base of GPT-NeoX, which is not rope_theta', () => {
    const neox = { model_type: 'gpt_neox', rotary_emb_base: 500 };
    expect(partOf(neox, 'attention')).toMatchObject({ rope: { base: 500 } });
    expect(errorsOf(importConfig({ ...sizes, ...neox, rope_theta: 9 }, 'hf'))).toEqual(['IMP005 rope_theta']);
    expect(errorsOf(importConfig({ ...tiny, rotary_emb_base: 500 }, 'hf'))).toEqual(['IMP001 rotary_emb_base']);
  });

  it('are the kinds of layers of GPT-Neo, which are made of attention_types', () => {
    const neo = { model_type: 'gpt_neo', num_layers: 2, attention_layers: ['global', 'global'] };
    expect(partOf(neo, 'layers')).toBeUndefined();
    expect(partOf({ ...neo, attention_types: [[['global', 'local'], 1]] }, 'layers')).toBeDefined();
    const { attention_layers: _, ...bare } = neo;
    expect(errorsOf(importConfig({ ...sizes, ...bare }, 'hf'))).toContain('IMP005 attention_types');
  });

  it('is the original context of Phi-3, which is not that of the scaling', () => {
    const factors = Array.from({ length: 8 }, () => 2);
    const scaling = { rope_type: 'longrope', short_factor: factors, long_factor: factors };
    const phi = { model_type: 'phi3', rope_scaling: { ...scaling, original_max_position_embeddings: 16 } };
    expect(partOf(phi, 'attention')).toMatchObject({ rope: { scaling: { original_context: 4096 } } });
    const own = { ...phi, original_max_position_embeddings: 32 };
    expect(partOf(own, 'attention')).toMatchObject({ rope: { scaling: { original_context: 32 } } });
  });
});

describe('scalings of rotary positions', () => {
  const scalingOf = (scaling: object) => {
    const spec = specOf({ ...tiny, rope_theta: 10000, rope_scaling: scaling });
    const attention = isObject(spec?.attention) ? spec.attention : {};
    return isObject(attention.rope) ? attention.rope.scaling : undefined;
  };

  it('are written with all that changes them', () => {
    expect(scalingOf({ type: 'linear', factor: 4 })).toEqual({ kind: 'linear', factor: 4 });
    expect(scalingOf({ type: 'dynamic', factor: 4 })).toEqual({ kind: 'dynamic', factor: 4, original_context: 64 });
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 };
    expect(scalingOf({ ...yarn, truncate: false, beta_fast: 24 })).toEqual({
      kind: 'yarn',
      factor: 4,
      original_context: 16,
      beta_fast: 24,
      truncate: false,
    });
    expect(scalingOf({ rope_type: 'default', factor: 4 })).toBeUndefined();
  });

  it('are refused when they are not known, or lack a factor', () => {
    const errors = (scaling: object) => errorsOf(importConfig({ ...tiny, rope_scaling: scaling }, 'hf'));
    expect(errors({ type: 'other' })).toContain('IMP002 rope_scaling.rope_type');
    expect(errors({ type: 'linear' })).toContain('IMP005 rope_scaling.factor');
    expect(errors({ type: 'linear', factor: 4, fator: 2 })).toContain('IMP001 rope_scaling.fator');
  });
});
