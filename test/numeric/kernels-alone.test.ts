import { describe, expect, it } from 'vitest';
import type { Node } from '../../src/compiler/ir/nodes.ts';
import { AttentionSession } from '../../src/runtime/abi1/index.ts';
import { randomNumbers, randomValues } from '../../src/verify/random.ts';
import { errorOfNode, headInputs, type LoadedSpec, loadSpec, useDevice } from './harness.ts';

const gpu = useDevice();

/** A model whose nodes are taken one by one. */
const model = (parts: { hidden?: number; norm?: string; mlp?: string }) =>
  `
model: { vocab: 9, hidden: ${parts.hidden ?? 24}, layers: 1, context: 500, norm: ${parts.norm ?? '{ kind: rms }'} }
attention: { q_heads: 1, head_dim: 4 }
mlp: ${parts.mlp ?? '{ activation: silu, width: 8 }'}`.trim();

function nodeOf(spec: LoadedSpec, found: (node: Node) => boolean): Node {
  const node = spec.compiled.module.nodes.find(found);
  if (node === undefined) throw new Error('the module has no such node');
  return node;
}

describe('activations', () => {
  it.each(['silu', 'gelu', 'gelu_tanh', 'relu', 'relu2'])(
    '%s follows f64 from −40 to 40, and beyond',
    async (activation) => {
      const spec = await loadSpec(
        gpu.device,
        model({ hidden: 1, mlp: `{ kind: plain, activation: ${activation}, width: 64 }` }),
      );
      const node = nodeOf(spec, (candidate) => candidate.op === 'linear' && candidate.out === 'mlp_hidden');
      // Weights lie between 0.2 and 1.6 in size, so neighbouring inputs sweep the range; zero gives an exact zero.
      const data = Float32Array.from([...Array.from({ length: 301 }, (_, i) => (i - 150) / 6), -1e4, 1e4, 1e-6, -1e-6]);
      const { worstRow } = await errorOfNode(spec, node, new Map([['normed', { shape: [1, data.length, 1], data }]]));
      expect(worstRow).toBeLessThan(1e-6);
    },
  );
});

describe('norms', () => {
  const row = (length: number, of: (index: number) => number) => Array.from({ length }, (_, index) => of(index));

  async function normError(norm: string, rows: readonly (readonly number[])[]): Promise<number> {
    const hidden = rows[0]?.length ?? 0;
    const spec = await loadSpec(gpu.device, model({ hidden, norm }));
    const x = { shape: [1, rows.length, hidden], data: Float32Array.from(rows.flat()) };
    return (
      await errorOfNode(
        spec,
        nodeOf(spec, ({ op }) => op === 'norm'),
        new Map([['x', x]]),
      )
    ).worstRow;
  }

  it('layer norm is accurate for rows far from zero', async () => {
    const next = randomNumbers(5);
    const noise = (offset: number) => row(300, () => offset + next() - 0.5);
    expect(await normError('{ kind: layer }', [noise(0), noise(100), noise(-1000), noise(10_000)])).toBeLessThan(1e-5);
  });

  it.each(['rms', 'layer'])('%s gives zeros, or the bias, for a row of zeros with eps 0', async (kind) => {
    expect(await normError(`{ kind: ${kind}, eps: 0 }`, [row(20, () => 0), row(20, Math.cos)])).toBeLessThan(1e-6);
  });

  it.each(['rms', 'layer'])('%s takes rows of any size and width', async (kind) => {
    for (const hidden of [1, 3, 64, 65, 1023, 1025]) {
      const rows = [1, 1e-6, 1e6].map((size) => row(hidden, (i) => size * Math.sin(3 * i + 1)));
      const bound = kind === 'layer' && hidden === 1 ? 1e-5 : 2e-6;
      expect(await normError(`{ kind: ${kind}, unit_offset: true }`, rows), `width ${hidden}`).toBeLessThan(bound);
    }
  });
});

describe('linear', () => {
  it('makes every row and column when neither is a multiple of a tile', async () => {
    for (const [hidden, width] of [
      [1, 1],
      [4, 64],
      [31, 65],
      [130, 63],
      [70, 129],
    ] as const) {
      const spec = await loadSpec(
        gpu.device,
        // A layer norm is a kernel of its own: the product reads what it is given.
        model({
          hidden,
          norm: '{ kind: layer }',
          mlp: `{ activation: silu, width: ${width}, biases: [up, gate, down] }`,
        }),
      );
      const next = randomNumbers(hidden);
      for (const tokens of [1, 2, 31, 32, 33, 70]) {
        const x = { shape: [1, tokens, hidden], data: randomValues(tokens * hidden, next) };
        const node = nodeOf(spec, (candidate) => candidate.op === 'linear' && candidate.out === 'mlp_hidden');
        const { relativeL2 } = await errorOfNode(spec, node, new Map([['normed', x]]));
        expect(relativeL2, `${tokens} × ${hidden} → ${width}`).toBeLessThan(2e-6);
      }
    }
  });
});

describe('repeated runs', () => {
  it.each([
    ['prefill', 40, 60],
    ['decode', 1, 300],
  ] as const)('give the same bits 50 times, %s', async (_, tokens, keys) => {
    const spec = await loadSpec(
      gpu.device,
      'attention: { q_heads: 6, kv_heads: 2, head_dim: 20, mask: { causal: true } }',
    );
    const session = await AttentionSession.create(spec.loaded, { tokens, keys });
    const inputs = headInputs(spec.shaped, { batch: 1, tokens, keys });
    const data = Object.fromEntries([...inputs].map(([name, tensor]) => [name, Float32Array.from(tensor.data)]));
    const first = new Uint8Array((await session.run(data, { tokens, keys })).buffer);
    for (let run = 1; run < 50; run++) {
      expect(Buffer.compare(first, new Uint8Array((await session.run({}, { tokens, keys })).buffer))).toBe(0);
    }
  });
});
