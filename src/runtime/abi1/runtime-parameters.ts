import type { BufferDecl, ModuleDefinition } from './definition.ts';
import { UsageError } from './errors.ts';
import { elementsOf } from './extents.ts';
import type { Workspace } from './workspace.ts';

const isParameter = ({ name, role }: BufferDecl) => role === 'input' && /^(layers\.\d+\.)?parameters\.\w+$/.test(name);

/** The parameters of a model that its checkpoint does not have. */
export class RuntimeParameters {
  readonly #module: string;
  readonly #workspace: Workspace;
  readonly #buffers: ReadonlyMap<string, BufferDecl>;
  readonly #missing: Set<string>;

  constructor({ name, buffers }: ModuleDefinition, workspace: Workspace) {
    this.#module = name;
    this.#workspace = workspace;
    this.#buffers = new Map(buffers.filter(isParameter).map((buffer) => [buffer.name, buffer]));
    this.#missing = new Set(this.#buffers.keys());
  }

  /** @throws UsageError for a name that the module does not have, and for another number of values. */
  set(name: string, values: Float32Array<ArrayBuffer>): void {
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) {
      const known = [...this.#buffers.keys()];
      const others = known.length === 0 ? 'its spec has none that is `runtime`' : `it has ${known.join(', ')}`;
      throw new UsageError(`${this.#module} has no parameter ${name}: ${others}`);
    }
    checkLength(buffer, values);
    this.#workspace.upload(name, new Uint32Array(values.slice().buffer));
    this.#missing.delete(name);
  }

  /** @throws UsageError while one of them was never given. */
  checkComplete(): void {
    const [name] = this.#missing;
    if (name !== undefined)
      throw new UsageError(`${this.#module}: the parameter ${name} is not given: call setParameter first`);
  }
}

/** For a tensor whose extents are known. @throws UsageError for another number of values. */
function checkLength({ name, shape }: BufferDecl, values: ArrayLike<number>): void {
  if (shape.some((extent) => typeof extent !== 'number') || values.length === elementsOf(shape, {})) return;
  throw new UsageError(`${values.length} values are given for ${name}, which is [${shape.join(', ')}]`);
}
