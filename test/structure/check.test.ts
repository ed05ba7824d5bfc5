import { describe, expect, it } from 'vitest';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { shapedOf } from '../numeric/harness.ts';

const text = (model: string, attention = '') => `gqac: 1
name: parts
model: { vocab: 50, hidden: 32, layers: 2, context: 16${model === '' ? '' : `, ${model}`} }
attention: { q_heads: 4, kv_heads: 2, mask: { causal: true }${attention === '' ? '' : `, ${attention}`} }
mlp: { activation: silu, width: 48 }
`;

const findings = (model: string, attention = '') =>
  checkSpec({ path: 'parts.yaml', text: text(model, attention) }).diagnostics.map(
    ({ code, message }) => `${code} ${message}`,
  );

const namesOf = (model: string, attention = '') =>
  shapedOf(text(model, attention).replace('gqac: 1\nname: parts\n', '')).weights.map(
    ({ name, shape }) => `${name} ${shape.join('x')}`,
  );

describe('parts of a model', () => {
  it.each([
    ['block: { norms: post, parallel: one_norm }', 'SCH004 `model.block.parallel` is not allowed here'],
    ['block: { norms: sandwich, residual_scale: 0.5 }', 'SCH004 `model.block.residual_scale` is not allowed here'],
    ['norm: { weight: false, unit_offset: true }', 'SCH004 `model.norm.unit_offset` is not allowed here'],
    ['norm: { kind: layer, weight: false, bias: true }', 'SCH004 `model.norm.bias` is not allowed here'],
    ['embedding_norm: { weight: false, bias: true }', 'SCH004 `model.embedding_norm.bias` is not allowed here'],
    ['positions: { offset: 2 }', 'OPT002 `model.positions.offset` has no effect'],
    ['positions: { kind: learned, pairing: half }', 'OPT002 `model.positions.pairing` has no effect'],
    ['head: { kind: hidden, bias: true }', 'OPT002 `model.head.bias` has no effect'],
    ['head: { kind: hidden }, final_softcap: 30', 'OPT002 `model.final_softcap` has no effect'],
  ])('%s is reported once', (model, start) => {
    const found = findings(model);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(start);
  });

  it.each([
    ['kind: l2', 'kind'],
    ['kind: rms, groups: 2', 'groups'],
  ])('a norm of projections cannot be %s', (norm, option) => {
    const found = findings('', `qk_norm: { ${norm}, weight: projection }`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`SCH004 \`attention.qk_norm.${option}\``);
  });

  it('a bias needs a weight, and is not of one of two norms', () => {
    expect(findings('', 'qk_norm: { kind: layer, weight: none, bias: true }')[0]).toContain('the norm has no weight');
    expect(findings('', 'qk_norm: [{ kind: layer, bias: true }, { kind: rms }]')[0]).toContain('there are two norms');
    expect(findings('', 'qk_norm: { kind: layer, bias: true }')).toEqual([]);
  });

  it('a norm of projections comes first', () => {
    expect(findings('', 'qk_norm: [{ kind: rms }, { kind: rms, weight: projection }]')[0]).toContain('SCH004');
    expect(findings('', 'qk_norm: [{ kind: rms, weight: projection }, { kind: rms }]')).toEqual([]);
  });

  it('sines need an even width', () => {
    const odd = text('positions: { kind: sinusoidal }')
      .replace('hidden: 32', 'hidden: 33')
      .replace('kv_heads: 2', 'head_dim: 8');
    const codes = checkSpec({ path: 'parts.yaml', text: odd }).diagnostics.map(({ code }) => code);
    expect(codes).toEqual(['SCH004']);
  });

  it('takes settings of `model.norm` over', () => {
    const { model } = shapedOf(
      text(
        'norm: { kind: layer, eps: 1e-12, bias: false }, embedding_norm: {}, head: { transform: { activation: gelu, norm: { kind: rms } } }',
      ).replace('gqac: 1\nname: parts\n', ''),
    );
    expect(model?.embeddingNorm).toEqual({ kind: 'layer', eps: 1e-12, weight: true, unitOffset: false, bias: false });
    expect(model?.head).toMatchObject({ transform: { norm: { kind: 'rms', eps: 1e-6, bias: false } } });
  });
});

describe('weights', () => {
  it('of sandwich norms', () => {
    const names = namesOf('block: { norms: sandwich }').filter(
      (name) => name.startsWith('layers.0.') && name.includes('norm'),
    );
    expect(names).toEqual([
      'layers.0.attn_norm.weight 32',
      'layers.0.attn_out_norm.weight 32',
      'layers.0.mlp_norm.weight 32',
      'layers.0.mlp_out_norm.weight 32',
    ]);
  });

  it('of output norms and of norms over projections', () => {
    const names = namesOf('block: { norms: output }', 'qk_norm: { kind: rms, weight: projection }');
    expect(names.filter((name) => name.startsWith('layers.1.') && name.includes('norm'))).toEqual([
      'layers.1.attn.q_norm.weight 32',
      'layers.1.attn.k_norm.weight 16',
      'layers.1.attn_out_norm.weight 32',
      'layers.1.mlp_out_norm.weight 32',
    ]);
  });

  it('of an encoder', () => {
    const names = namesOf(
      'block: { norms: post }, norm: { kind: layer }, positions: { kind: learned, offset: 2 }, token_types: 2, embedding_norm: {}, tie_embeddings: true, head: { bias: true, transform: gelu }',
    );
    expect(names.filter((name) => !name.startsWith('layers.'))).toEqual([
      'embed.weight 50x32',
      'positions.weight 18x32',
      'token_types.weight 2x32',
      'embed_norm.weight 32',
      'embed_norm.bias 32',
      'head_transform.weight 32x32',
      'head_transform.bias 32',
      'head_norm.weight 32',
      'head_norm.bias 32',
      'head.bias 50',
    ]);
  });

  it('of narrow embeddings', () => {
    const names = namesOf('embedding_width: 8, final_norm: false');
    expect(names.filter((name) => !name.startsWith('layers.'))).toEqual([
      'embed.weight 50x8',
      'embed_in.weight 32x8',
      'embed_out.weight 8x32',
      'head.weight 50x8',
    ]);
  });
});
