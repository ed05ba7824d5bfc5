import type { BufferDecl, ModuleDefinition } from './definition.ts';
import { UsageError } from './errors.ts';
import { elementsOf } from './extents.ts';
import type { Workspace } from './workspace.ts';

const isEdit = ({ name, role }: BufferDecl) => role === 'input' && /^layers\.\d+\.edits\.[qkv]$/.test(name);

/** What is added to the inputs of heads in one call; nothing in the calls after it. */
export class HeadEdits {
  readonly #module: string;
  readonly #workspace: Workspace;
  readonly #buffers: ReadonlyMap<string, BufferDecl>;
  readonly #pending = new Map<string, Float32Array<ArrayBuffer>>();
  /** Elements that hold an edit of the last call. */
  readonly #written = new Map<string, number>();

  constructor({ name, buffers }: ModuleDefinition, workspace: Workspace) {
    this.#module = name;
    this.#workspace = workspace;
    this.#buffers = new Map(buffers.filter(isEdit).map((buffer) => [buffer.name, buffer]));
  }

  /** @throws UsageError for a name that the module does not have. */
  set(name: string, values: Float32Array<ArrayBuffer>): void {
    if (!this.#buffers.has(name)) {
      const known = [...this.#buffers.keys()];
      const others = known.length === 0 ? 'its spec has no `inputs: split_qkv`' : `it has ${known.join(', ')}`;
      throw new UsageError(`${this.#module} has no edit ${name}: ${others}`);
    }
    this.#pending.set(name, values);
  }

  /** @throws UsageError when an edit is not one of this call, which then is not run. */
  check(batch: number, tokens: number, pieces: number): void {
    for (const [name, values] of this.#pending) {
      if (pieces > 1)
        throw new UsageError(`${name}: an edited call is run at once, use a session with a longer \`chunk\``);
      const shape = this.#buffers.get(name)?.shape ?? [];
      const needed = elementsOf(shape, { B: batch, I: tokens });
      if (values.length === needed) continue;
      throw new UsageError(
        `${values.length} values are given for ${name}, which is [${shape.join(', ')}]: ${needed} in this call of ${tokens} tokens`,
      );
    }
  }

  /** Writes the edits of the call that begins, and takes back those of the one before it. */
  begin(): void {
    for (const [name, count] of this.#written)
      if (!this.#pending.has(name)) this.#workspace.upload(name, new Uint32Array(count));
    this.#written.clear();
    for (const [name, values] of this.#pending) {
      this.#workspace.upload(name, new Uint32Array(values.slice().buffer));
      this.#written.set(name, values.length);
    }
    this.#pending.clear();
  }
}
