import { InferenceSession, Tensor } from 'onnxruntime-node';
import { attentionGraph } from './onnx-graph.ts';
import type { AttentionCase } from './reference.ts';

/**
 * Milliseconds of one `GroupQueryAttention` on ONNX Runtime's WebGPU provider, from the difference between a chain of one and a
 * longer chain: uploads, downloads and the fixed cost of a run are in both.
 */
export async function measureOnnxRuntime(one: AttentionCase, chain = 9): Promise<number> {
  const short = await medianOf(one, 1);
  const long = await medianOf(one, chain);
  return (long - short) / (chain - 1);
}

async function medianOf(one: AttentionCase, chain: number): Promise<number> {
  const { qHeads, kvHeads, headDim, tokens, keys } = one;
  const past = keys - tokens;
  const graph = attentionGraph({ qHeads, kvHeads, headDim, tokens, past, chain });
  const session = await InferenceSession.create(graph, { executionProviders: ['webgpu'] });
  const half = (shape: readonly number[]) => {
    const values = new Uint16Array(shape.reduce((product, extent) => product * extent, 1));
    // Numbers of magnitude about one, either sign, in the bits of f16.
    for (const index of values.keys())
      values[index] = 0x3800 + ((index * 2654435761) >>> 22) + (index % 2 === 0 ? 0x8000 : 0);
    return new Tensor('float16', values, [...shape]);
  };
  const feeds = {
    query: half([1, tokens, qHeads * headDim]),
    key: half([1, tokens, kvHeads * headDim]),
    value: half([1, tokens, kvHeads * headDim]),
    past_key: half([1, kvHeads, past, headDim]),
    past_value: half([1, kvHeads, past, headDim]),
    seqlens_k: new Tensor('int32', Int32Array.of(keys - 1), [1]),
    total_sequence_length: new Tensor('int32', Int32Array.of(keys), [1]),
  };
  const times: number[] = [];
  for (let n = 0; n < 12; n++) {
    const start = performance.now();
    await session.run(feeds);
    if (n >= 4) times.push(performance.now() - start);
  }
  await session.release();
  times.sort((a, b) => a - b);
  return times[times.length >> 1] ?? Number.NaN;
}
