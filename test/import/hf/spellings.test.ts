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
    const pattern = { sliding_window_pattern: patternOf(config) };
    const older = olderSpelling(config);
    expect(specOf(isWindowed(config) ? { ...older, ...pattern } : older)).toEqual(specOf(config));
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
