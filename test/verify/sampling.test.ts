import { describe, expect, it } from 'vitest';
import { verifySampling } from '../../src/verify/verify-sampling.ts';
import { loadSpec, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();

describe('sampling', () => {
  // The second vocabulary has several parts, whose largest logits are found by themselves.
  it.each([53, 5000])('draws from %i tokens as the reference does', async (vocab) => {
    const { loaded } = await loadSpec(
      gpu.device,
      `model: { vocab: ${vocab}, hidden: 8, layers: 1, context: 4, norm: { kind: rms } }
attention: { q_heads: 1, kv_heads: 1, head_dim: 8, mask: { causal: true } }
mlp: { kind: plain, activation: relu, width: 8 }
`,
    );
    const { draws, disagreements } = await verifySampling(loaded, 11, 32);
    expect(disagreements).toEqual([]);
    expect(draws).toBe(14 * 32);
  });
});
