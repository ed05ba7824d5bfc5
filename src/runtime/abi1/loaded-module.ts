import { BufferLedger, bufferUsage } from './buffers.ts';
import type { ByteSource } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ModuleDefinition, VariantDecl } from './definition.ts';
import { chooseVariant, requestDevice } from './device.ts';
import { UsageError } from './errors.ts';
import { elementsOf } from './extents.ts';
import { checkOptions, type OptionNames } from './option-names.ts';
import { compilePipelines, type Pipeline } from './pipelines.ts';
import { SafetensorsFile } from './safetensors.ts';
import { type LoadProgress, uploadWeights } from './weights.ts';
import { Workspace } from './workspace.ts';

export interface LoadOptions {
  /** A device to run on; by default one is requested from `adapter`, or from the browser. */
  readonly device?: GPUDevice;
  readonly adapter?: GPUAdapter;
  /** The checkpoint, or the bytes of a `.safetensors` file. Not needed by a module without weights. */
  readonly weights?: ByteSource | Checkpoint;
  /** Id of the variant to run; by default the most demanding one that the device supports. */
  readonly variant?: string;
  readonly onProgress?: (progress: LoadProgress) => void;
}

const loadOptions: OptionNames<LoadOptions> = {
  device: true,
  adapter: true,
  weights: true,
  variant: true,
  onProgress: true,
};

/** A definition on a device: weights uploaded, pipelines compiled, prepared tensors computed. Sessions are made from it. */
export class LoadedModule {
  readonly definition: ModuleDefinition;
  readonly device: GPUDevice;
  readonly variant: VariantDecl;
  readonly ledger: BufferLedger;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** Weights and prepared tensors by name. */
  readonly tensors: ReadonlyMap<string, GPUBuffer>;
  readonly #ownsDevice: boolean;

  private constructor(parts: {
    definition: ModuleDefinition;
    ledger: BufferLedger;
    variant: VariantDecl;
    pipelines: ReadonlyMap<string, Pipeline>;
    tensors: ReadonlyMap<string, GPUBuffer>;
    ownsDevice: boolean;
  }) {
    this.definition = parts.definition;
    this.device = parts.ledger.device;
    this.ledger = parts.ledger;
    this.variant = parts.variant;
    this.pipelines = parts.pipelines;
    this.tensors = parts.tensors;
    this.#ownsDevice = parts.ownsDevice;
  }

  /** @throws CheckpointError, FeatureError, LimitError, OutOfMemoryError, NoGpuError; nothing stays allocated then. */
  static async load(definition: ModuleDefinition, options: LoadOptions = {}): Promise<LoadedModule> {
    checkOptions('load', options, loadOptions);
    if (definition.abi !== 1)
      throw new UsageError(`${definition.name} was built for ABI ${definition.abi}, this is ABI 1: build it again`);
    checkKind('adapter', options.adapter, 'requestDevice');
    checkKind('device', options.device, 'createBuffer');
    const file = await openWeights(definition, options.weights);
    try {
      return await LoadedModule.#loadFrom(definition, file, options);
    } finally {
      if (file !== options.weights) await file?.close();
    }
  }

  static async #loadFrom(
    definition: ModuleDefinition,
    file: Checkpoint | undefined,
    options: LoadOptions,
  ): Promise<LoadedModule> {
    const device = options.device ?? (await requestDevice(definition, options.adapter));
    const ledger = new BufferLedger(device);
    try {
      const variant = chooseVariant(definition, device, options.variant);
      const [pipelines, weights] = await Promise.all([
        compilePipelines(device, variant.kernels),
        file ? uploadWeights(ledger, definition.weights, file, options.onProgress) : new Map<string, GPUBuffer>(),
      ]);
      const tensors = new Map([...weights, ...(await allocatePrepared(definition, ledger))]);
      const ownsDevice = options.device === undefined;
      const loaded = new LoadedModule({ definition, ledger, variant, pipelines, tensors, ownsDevice });
      await loaded.#prepare();
      return loaded;
    } catch (error) {
      ledger.dispose();
      if (options.device === undefined) device.destroy();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    if (this.variant.prepare.length === 0) return;
    const workspace = await Workspace.create(this, { buffers: [], symbols: {}, external: new Map() });
    workspace.submit(this.variant.prepare, {});
    workspace.dispose();
  }

  /** Frees all buffers, and the device when it was requested here. Sessions must not be used afterwards. */
  dispose(): void {
    this.ledger.dispose();
    if (this.#ownsDevice) this.device.destroy();
  }
}

async function openWeights(
  definition: ModuleDefinition,
  weights: LoadOptions['weights'],
): Promise<Checkpoint | undefined> {
  if (weights !== undefined) {
    if (isCheckpoint(weights)) return weights;
    if (isSource(weights)) return SafetensorsFile.open(weights);
    throw new UsageError(`\`weights\` is neither a checkpoint nor a source of bytes: pass what ${givers} gives`);
  }
  if (definition.weights.length === 0) return undefined;
  throw new UsageError(
    `${definition.name} has ${definition.weights.length} weights: pass as \`weights\` what ${givers} gives`,
  );
}

/** In JavaScript, what `openGpu` gives is easily taken for the adapter that is in it. */
function checkKind(name: 'adapter' | 'device', given: object | undefined, method: string): void {
  if (given !== undefined && !(isObject(given) && method in given))
    throw new UsageError(
      `\`${name}\` is none of WebGPU’s: pass the \`${name}\` of what openGpu or openDevice of gqac/node gives`,
    );
}

const givers = 'openCheckpoint(path) of gqac/node, or fetchSource(url) or bytesSource(name, bytes) of gqac/runtime,';

const isCheckpoint = (weights: unknown): weights is Checkpoint => isObject(weights) && 'tensors' in weights;

const isSource = (weights: unknown): weights is ByteSource => isObject(weights) && 'read' in weights;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

async function allocatePrepared(definition: ModuleDefinition, ledger: BufferLedger) {
  const declared = definition.buffers.filter(({ role }) => role === 'prepared');
  const usage = bufferUsage.storage | bufferUsage.copySource;
  const buffers = await ledger.allocateAll(
    declared.map(({ name, shape }) => ({ name, bytes: 4 * elementsOf(shape, {}), usage })),
  );
  return declared.map(({ name }, index): [string, GPUBuffer] => [name, buffers[index] as GPUBuffer]);
}
