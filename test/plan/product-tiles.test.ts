import { describe, expect, it } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { Node } from '../../src/compiler/ir/nodes.ts';
import { checkSpec } from '../../src/compiler/pipeline.ts';
import { extentAt } from '../../src/compiler/plan/extents.ts';
import { profiles, type TargetProfile } from '../../src/compiler/plan/profiles/profiles.ts';
import { planProgram } from '../../src/compiler/plan/program.ts';

const text = `gqac: 1
name: tiles
model: { vocab: 40, hidden: 1024, layers: 1, context: 8192, norm: { kind: rms } }
attention: { q_heads: 16, kv_heads: 4, head_dim: 64, mask: { causal: true }, cache: { dtype: f16 } }
mlp: { kind: gated, activation: silu, width: 8192 }
weights: { dtype: f16 }`;

function programOf(spec: string, profile: TargetProfile) {
  const { shaped, diagnostics } = checkSpec({ path: 'spec.yaml', text: spec });
  if (shaped === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return planProgram(lower(shaped), profile);
}

/** Tiles of the products that run in a prompt of so many tokens, in their order. */
function tilesOf(tokens: number): readonly string[] {
  const call = { B: 1, I: tokens, J: tokens, C: 8192, P: 0, L: 1, X: tokens };
  const tiles = new Map<Node | undefined, string[]>();
  for (const { node, plan, grid } of programOf(text, profiles.matrix).prefill) {
    if (plan.stage !== 'linear_matrix') continue;
    const [rows = 0, columns = 0] = grid.map((extent) => extentAt(extent, call));
    if (rows * columns === 0) continue;
    expect(rows * plan.tileRows).toBeGreaterThanOrEqual(tokens);
    expect(columns * plan.tileColumns).toBeGreaterThanOrEqual(plan.outWidth);
    tiles.set(node, [...(tiles.get(node) ?? []), `${plan.tileRows}x${plan.tileColumns}`]);
  }
  return [...tiles.values()].map((own) => own.join());
}

describe('tiles of products', () => {
  it('are large where a call has workgroups enough of them, and one kernel makes each product', () => {
    expect(tilesOf(8192)).toEqual(['128x128', '128x128', '128x128', '128x128', '128x64', '128x128']);
    expect(tilesOf(2048)).toEqual(['128x128', '64x64', '64x64', '128x128', '128x64', '128x128']);
    expect(tilesOf(100)).toEqual(['64x64', '64x64', '64x64', '64x64', '128x64', '64x64']);
  });

  it.each([
    [
      'weights of f32',
      text.replace('weights: { dtype: f16 }', ''),
      'weights are f32, subgroup matrices take f16 and integers',
    ],
    ['a width that tiles do not divide', text.replace('8192 }\n', '8200 }\n'), 'a width of 8200 is no multiple of 32'],
  ])('say why matrices do not make them: %s', (_, spec, reason) => {
    const ofProducts = (profile: TargetProfile) =>
      programOf(spec, profile).rejected.filter(({ node }) => node.op === 'linear');
    expect(ofProducts(profiles.matrix)).toContainEqual(expect.objectContaining({ variant: 'matrix', reason }));
    expect(ofProducts(profiles.f16)).toEqual([]);
  });
});
