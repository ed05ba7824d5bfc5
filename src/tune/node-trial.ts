import type { Node } from '../compiler/ir/nodes.ts';
import { usesOf } from '../compiler/ir/uses.ts';
import type { BufferDecl } from '../runtime/abi1/definition.ts';
import { elementsOf } from '../runtime/abi1/extents.ts';
import { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { readValues } from '../runtime/abi1/outputs.ts';
import { type Step, Workspace } from '../runtime/abi1/workspace.ts';
import { fill, poison } from './device-data.ts';
import { fillInt8 } from './int8-data.ts';
import type { NodeVariant } from './node-variant.ts';
import { patternWeights } from './pattern-weights.ts';
import type { StageNode } from './stage-nodes.ts';

/** One node on the device, with inputs that are the same for every profile. */
export class NodeTrial {
  readonly #node: Node;
  readonly #copies: readonly Copy[];

  private constructor(node: Node, copies: readonly Copy[]) {
    this.#node = node;
    this.#copies = copies;
  }

  /**
   * @param count copies of all tensors, which repetitions take turns with: so that the cache of the chip does not hold them
   * @throws GqacError for a kernel that the device refuses; LimitError, FeatureError, OutOfMemoryError
   */
  static async create(device: GPUDevice, { stageNode, define }: NodeVariant, count: number): Promise<NodeTrial> {
    const definition = define();
    const copies: Copy[] = [];
    try {
      for (let n = 0; n < count; n++) {
        const weights = patternWeights(definition.weights.map(({ source, shape }) => ({ name: source, shape })));
        const loaded = await LoadedModule.load(definition, { device, weights });
        copies.push(await copyOf(loaded, stageNode));
      }
    } catch (error) {
      for (const { loaded } of copies) loaded.dispose();
      throw error;
    }
    return new NodeTrial(stageNode.node, copies);
  }

  record(pass: GPUComputePassEncoder, repetition: number): void {
    const copy = this.#copies[repetition % this.#copies.length];
    if (copy === undefined) return;
    const { loaded, workspace, step } = copy;
    const { prefill, decode } = loaded.variant;
    const symbols = symbolsOf(step);
    workspace.record(pass, step.tokens === 1 ? decode : prefill, symbols);
  }

  /** What one run from fresh inputs leaves in the tensors that the node writes, f32, by name. Outputs hold NaN before. */
  async outputs(): Promise<ReadonlyMap<string, Float32Array>> {
    const [copy] = this.#copies;
    const found = new Map<string, Float32Array>();
    if (copy === undefined) return found;
    const { loaded, workspace } = copy;
    const { device, ledger } = loaded;
    fillAll(copy, this.#node);
    const written = usesOf(this.#node).filter(({ access }) => access !== 'read');
    for (const { tensor, access } of written) if (access === 'write') poison(device, workspace.buffer(tensor));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.record(pass, 0);
    pass.end();
    device.queue.submit([encoder.finish()]);
    for (const { tensor } of written) {
      const dtype = loaded.definition.buffers.find(({ name }) => name === tensor)?.dtype ?? 'f32';
      const buffer = workspace.buffer(tensor);
      found.set(tensor, await readValues(ledger, buffer, dtype, buffer.size / (dtype === 'f16' ? 2 : 4)));
    }
    return found;
  }

  dispose(): void {
    for (const { workspace, loaded } of this.#copies) {
      workspace.dispose();
      loaded.dispose();
    }
  }
}

interface Copy {
  readonly loaded: LoadedModule;
  readonly workspace: Workspace;
  readonly step: Step;
}

const symbolsOf = ({ batch, tokens, keys }: Step) => ({ B: batch, I: tokens, J: keys, C: keys, X: keys, L: batch });

async function copyOf(loaded: LoadedModule, { node, size }: StageNode): Promise<Copy> {
  const { batch, tokens, keys } = size;
  const pages = batch * Math.ceil(keys / (loaded.definition.facts.pageSize ?? keys));
  const sequences = Array.from({ length: batch }, () => ({ past: Math.max(0, keys - tokens), count: tokens }));
  const step: Step = { batch, tokens, keys, capacity: keys, allLogits: false, sequences };
  const context = { ...step, tokens: keys, sequences: sequences.map(() => ({ past: 0, count: keys })) };
  const workspace = await Workspace.create(loaded, {
    buffers: loaded.definition.buffers,
    symbols: { ...symbolsOf(step), P: pages },
    external: new Map(),
  });
  workspace.setStep(step, context);
  const copy = { loaded, workspace, step };
  fillAll(copy, node);
  return copy;
}

/** Numbers of size one; every mask lets everything through, and pages lie in order. */
function fillAll({ loaded, workspace }: Copy, node: Node): void {
  const declared = new Map(loaded.definition.buffers.map((buffer) => [buffer.name, buffer]));
  for (const [index, { tensor, field }] of usesOf(node).entries()) {
    const buffer = declared.get(tensor);
    if (buffer !== undefined) fillBuffer(loaded.device, workspace, buffer, field, index + 1);
  }
}

function fillBuffer(device: GPUDevice, workspace: Workspace, declared: BufferDecl, field: string, seed: number) {
  const { name, dtype, shape } = declared;
  const target = workspace.buffer(name);
  if (dtype === 'u32') {
    const word = wordOf(field);
    const words = Uint32Array.from({ length: target.size / 4 }, (_, index) => word(index));
    workspace.upload(name, words);
  } else if (dtype === 'int8') {
    fillInt8(device, target, elementsOf(shape.slice(-1), {}), seed);
  } else {
    const words = Math.floor(target.size / 4);
    fill(device, target, dtype === 'f16' ? 2 * words : words, dtype, seed);
  }
}

function wordOf(field: string): (index: number) => number {
  if (field === 'keyMask' || field === 'active.mask') return () => 1;
  if (field === 'pages') return (index) => index;
  return () => 0;
}
