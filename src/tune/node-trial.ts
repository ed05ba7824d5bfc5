import type { CallSize } from '../compiler/facts/kernel-costs.ts';
import { type Use, usesOf } from '../compiler/ir/uses.ts';
import type { BufferDecl } from '../runtime/abi1/definition.ts';
import { LoadedModule } from '../runtime/abi1/loaded-module.ts';
import { readValues } from '../runtime/abi1/outputs.ts';
import type { Step, Workspace } from '../runtime/abi1/workspace.ts';
import { callWorkspace, fillNumbers, stepOf, symbolsOf } from './call-workspace.ts';
import { poison } from './device-data.ts';
import type { NodeVariant } from './node-variant.ts';
import { patternWeights } from './pattern-weights.ts';

/** Nodes on the device, with inputs that are the same for every profile. */
export class NodeTrial {
  readonly #tensors: readonly TrialTensor[];
  readonly #copies: readonly Copy[];

  private constructor(tensors: readonly TrialTensor[], copies: readonly Copy[]) {
    this.#tensors = tensors;
    this.#copies = copies;
  }

  /**
   * @param count copies of all tensors, which repetitions take turns with: so that the cache of the chip does not hold them
   * @throws GqacError for a kernel that the device refuses; LimitError, FeatureError, OutOfMemoryError
   */
  static async create(device: GPUDevice, variant: NodeVariant, count: number): Promise<NodeTrial> {
    const definition = variant.define();
    const tensors = tensorsOf(variant, definition.buffers);
    const modules: LoadedModule[] = [];
    const copies: Copy[] = [];
    try {
      for (let n = 0; n < count; n++) {
        const weights = patternWeights(definition.weights.map(({ source, shape }) => ({ name: source, shape })));
        const loaded = await LoadedModule.load(definition, { device, weights });
        modules.push(loaded);
        copies.push(await copyOf(loaded, variant.stageNodes.size, tensors));
      }
    } catch (error) {
      for (const loaded of modules) loaded.dispose();
      throw error;
    }
    return new NodeTrial(tensors, copies);
  }

  record(pass: GPUComputePassEncoder, repetition: number): void {
    const copy = this.#copies[repetition % this.#copies.length];
    if (copy === undefined) return;
    const { loaded, workspace, step } = copy;
    const { prefill, decode } = loaded.variant;
    const symbols = symbolsOf(step);
    workspace.record(pass, step.tokens === 1 ? decode : prefill, symbols);
  }

  /** What one run from fresh inputs leaves in the tensors that the nodes write, f32, by name. Outputs hold NaN before. */
  async outputs(): Promise<ReadonlyMap<string, Float32Array>> {
    const [copy] = this.#copies;
    const found = new Map<string, Float32Array>();
    if (copy === undefined) return found;
    const { loaded, workspace } = copy;
    const { device, ledger } = loaded;
    for (const tensor of this.#tensors) {
      fillTensor(device, workspace, tensor);
      if (tensor.access === 'write') poison(device, workspace.buffer(tensor.name));
    }
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.record(pass, 0);
    pass.end();
    device.queue.submit([encoder.finish()]);
    for (const { name, access, stored, entryBytes } of this.#tensors) {
      if (access === 'read') continue;
      const buffer = workspace.buffer(name);
      found.set(name, await readValues(ledger, buffer, stored, buffer.size / entryBytes));
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

/** A buffer that the nodes read or write. */
interface TrialTensor extends Pick<BufferDecl, 'name' | 'shape'> {
  readonly field: string;
  readonly access: Use['access'];
  readonly stored: BufferDecl['dtype'];
  /** Of what the buffer has room for: activations that are stored as f16 fill half of it. */
  readonly entryBytes: number;
  readonly seed: number;
}

function tensorsOf(variant: NodeVariant, buffers: readonly BufferDecl[]): readonly TrialTensor[] {
  const { dispatches, stageNodes } = variant;
  const declared = new Map(buffers.map((buffer) => [buffer.name, buffer]));
  const halves = new Set(dispatches.flatMap((dispatch) => dispatch.halves ?? []));
  const before = dispatches.flatMap(({ prologue }) => prologue ?? []);
  const uses = [...before, ...stageNodes.nodes].flatMap(usesOf);
  return uses.flatMap(({ tensor, field, access }, index): readonly TrialTensor[] => {
    const buffer = declared.get(tensor);
    if (buffer === undefined) return [];
    const { name, shape, dtype } = buffer;
    const stored = halves.has(name) ? 'f16' : dtype;
    return [{ name, shape, field, access, stored, entryBytes: dtype === 'f16' ? 2 : 4, seed: index + 1 }];
  });
}

async function copyOf(loaded: LoadedModule, size: CallSize, tensors: readonly TrialTensor[]): Promise<Copy> {
  const workspace = await callWorkspace(loaded, size);
  for (const tensor of tensors) fillTensor(loaded.device, workspace, tensor);
  return { loaded, workspace, step: stepOf(size) };
}

/** Numbers of size one; every mask lets everything through, and pages lie in order. */
function fillTensor(device: GPUDevice, workspace: Workspace, { name, field, stored, ...numbers }: TrialTensor): void {
  const target = workspace.buffer(name);
  if (stored === 'u32') {
    const word = wordOf(field);
    const words = Uint32Array.from({ length: target.size / 4 }, (_, index) => word(index));
    workspace.upload(name, words);
  } else {
    fillNumbers(device, target, { stored, ...numbers });
  }
}

function wordOf(field: string): (index: number) => number {
  if (field === 'keyMask' || field === 'active.mask') return () => 1;
  if (field === 'pages') return (index) => index;
  return () => 0;
}
