import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { printYaml } from '../../src/compiler/syntax/print.ts';
import { formatNumber } from '../../src/compiler/syntax/scalars.ts';

describe('printYaml', () => {
  it('prints short maps and lists in one line, with remarks behind', () => {
    const norm = { kind: 'rms', eps: 1e-6 };
    const spec = { gqac: 1, model: { hidden: 8, norm }, attention: { qk_norm: norm, biases: ['q', 'k'] } };
    const comments = new Map([['attention.qk_norm', 'assumed']]);
    expect(printYaml(spec, { heading: ['from\nhere'], comments })).toBe(
      [
        '# from here',
        'gqac: 1',
        'model:',
        '  hidden: 8',
        '  norm: { kind: rms, eps: 1e-6 }',
        'attention:',
        '  qk_norm: { kind: rms, eps: 1e-6 } # assumed',
        '  biases: [q, k]',
        '',
      ].join('\n'),
    );
  });

  it('pads maps in lists', () => {
    const spec = {
      attention: {
        qk_norm: [
          { kind: 'l2', memory: true },
          { kind: 'rms', eps: 0 },
        ],
      },
    };
    const text = printYaml(spec);
    expect(text).toBe('attention:\n  qk_norm: [{ kind: l2, memory: true }, { kind: rms, eps: 0 }]\n');
    expect(parse(text)).toEqual(spec);
  });

  it('quotes what would read as something else', () => {
    const spec = {
      name: 'true',
      weights: { file: 'a: b #c.safetensors', names: { 'x.{i}': '*odd', y: '1e6', z: '{2*i}[0:4]' } },
    };
    expect(parse(printYaml(spec))).toEqual(spec);
  });

  it('leaves no room for a remark to become text', () => {
    const text = printYaml({ name: 'x', attention: { q_heads: 1 } }, { comments: new Map([['name', 'a\nevil: 1']]) });
    expect(parse(text)).toEqual({ name: 'x', attention: { q_heads: 1 } });
  });
});

describe('formatNumber', () => {
  it.each([
    [1e6, '1e6'],
    [500000, '500000'],
    [10000, '10000'],
    [1e-6, '1e-6'],
    [1e-5, '1e-5'],
    [0.001, '0.001'],
    [0.1767766952966369, '0.1767766952966369'],
    [1234567, '1234567'],
    [0, '0'],
    [-2.5e-9, '-2.5e-9'],
    [1e21, '1e21'],
  ])('%d is %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
    expect(parse(text)).toBe(value);
  });
});
