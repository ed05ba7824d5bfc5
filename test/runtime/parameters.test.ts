import { expect, it } from 'vitest';
import { AttentionSession, Session } from '../../src/runtime/abi1/index.ts';
import { loadSpec, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();
const score =
  'parameters: { slope: { axes: [h], runtime: true } }, score: "s - slope[h] * (q - k)", mask: { causal: true }';

it('a session of a model is given its parameters before its first call, and again at will', async () => {
  const model = 'model: { vocab: 16, hidden: 32, layers: 1, context: 24 }\nmlp: { activation: silu, width: 16 }\n';
  const { loaded } = await loadSpec(gpu.device, `${model}attention: { q_heads: 4, ${score} }`);
  const session = await Session.create(loaded);
  const name = 'layers.0.parameters.slope';
  const prompt = [1, 5, 2, 7];
  await expect(session.prefill([prompt])).rejects.toThrow(`the parameter ${name} is not given`);
  expect(() => session.setParameter('layers.1.parameters.slope', new Float32Array(4))).toThrow(`it has ${name}`);
  expect(() => session.setParameter(name, new Float32Array(3))).toThrow(`3 values are given for ${name}, which is [4]`);
  const logitsWith = async (slope: number) => {
    session.reset();
    session.setParameter(name, new Float32Array(8).fill(slope).subarray(4));
    return (await session.prefill([prompt])).data;
  };
  const [none, steep, again] = [await logitsWith(0), await logitsWith(5), await logitsWith(0)];
  expect(again).toEqual(none);
  expect(steep).not.toEqual(none);
  session.dispose();
  loaded.dispose();
});

it('attention alone takes them as tensors of their shape', async () => {
  const { loaded } = await loadSpec(gpu.device, `attention: { q_heads: 2, head_dim: 4, ${score} }`);
  const session = await AttentionSession.create(loaded, { tokens: 3 });
  const heads = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const run = (slope: Float32Array<ArrayBuffer>) =>
    session.run({ q: heads, k: heads, v: heads, 'parameters.slope': slope });
  await expect(run(new Float32Array(3))).rejects.toThrow(
    '3 values are given for parameters.slope, this call needs [2]',
  );
  expect(await run(Float32Array.of(0, 0))).not.toEqual(await run(Float32Array.of(0, 9)));
  session.dispose();
  loaded.dispose();
});
