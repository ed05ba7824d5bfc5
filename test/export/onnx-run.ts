import { copyFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ShapedSpec } from '../../src/compiler/check/shaped-spec.ts';
import { exportOnnx } from '../../src/compiler/export/onnx/export-onnx.ts';
import type { Checkpoint } from '../../src/runtime/abi1/index.ts';

/** The exported graph of a model, run by ONNX Runtime on the CPU with its cache. */
export class OnnxModel {
  readonly #session: InferenceSession;
  readonly #shaped: ShapedSpec;
  #cache: Readonly<Record<string, Tensor>> = {};
  #past = 0;

  private constructor(session: InferenceSession, shaped: ShapedSpec) {
    this.#session = session;
    this.#shaped = shaped;
  }

  /** `folder` takes the graph; the checkpoint's file is copied there if it lies elsewhere. */
  static async load(shaped: ShapedSpec, checkpoint: Checkpoint, file: string, folder: string): Promise<OnnxModel> {
    const name = basename(file);
    if (dirname(file) !== folder) await copyFile(file, join(folder, name));
    const tensors = new Map([...checkpoint.tensors].map(([tensor, info]) => [tensor, { ...info, file: name }]));
    const exported = exportOnnx(shaped, tensors);
    if (exported.kind === 'refused') throw new Error(exported.reasons.map(({ option }) => option).join(', '));
    const path = join(folder, `${shaped.name}.onnx`);
    await writeFile(path, exported.bytes);
    return new OnnxModel(await InferenceSession.create(path, { logSeverityLevel: 3 }), shaped);
  }

  /** Logits `[tokens, vocab]` of the next tokens. */
  async run(ids: readonly number[]): Promise<Float32Array> {
    const total = this.#past + ids.length;
    const integers = (values: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
    const past = this.#past === 0 ? this.#emptyCache() : this.#cache;
    const outputs = await this.#session.run({
      input_ids: integers(ids),
      attention_mask: integers(Array.from({ length: total }, () => 1)),
      ...past,
    });
    this.#past = total;
    const present = Object.entries(outputs).filter(([name]) => name.startsWith('present.'));
    this.#cache = Object.fromEntries(
      present.map(([name, value]) => [name.replace('present', 'past_key_values'), value]),
    );
    return outputs.logits?.data as Float32Array;
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #emptyCache(): Readonly<Record<string, Tensor>> {
    const entries = this.#shaped.layers.flatMap(({ attention: { heads, headDim } }, layer) =>
      ['key', 'value'].map((name): [string, Tensor] => [
        `past_key_values.${layer}.${name}`,
        new Tensor('float32', new Float32Array(0), [1, heads.kvHeads, 0, headDim]),
      ]),
    );
    return Object.fromEntries(entries);
  }
}
