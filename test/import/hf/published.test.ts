import { describe, expect, it } from 'vitest';
import { parameterCount, shapedOf } from './helpers.ts';
import { published } from './published.ts';

describe('published configs', () => {
  it.each(Object.entries(published))('%s has the parameters that it is known to have', (_, { config, parameters }) => {
    expect(parameterCount(shapedOf(config))).toBe(parameters);
  });
});
