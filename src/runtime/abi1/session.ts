import { activateAllHeads, setActiveHeads } from './active-heads.ts';
import { CachedSequences } from './cached-sequences.ts';
import {
  checkGenerate,
  type GenerateOptions,
  type Logits,
  type PrefillOptions,
  prefillOptions,
} from './call-options.ts';
import type { DispatchDecl } from './definition.ts';
import { UsageError } from './errors.ts';
import type { ExtentBindings } from './extents.ts';
import { HeadEdits } from './head-edits.ts';
import type { LoadedModule } from './loaded-module.ts';
import { checkOptions } from './option-names.ts';
import { readOutput } from './outputs.ts';
import { type PieceOfRow, pieces } from './prompt-pieces.ts';
import { type Prompt, promptRows } from './prompt-rows.ts';
import { RuntimeParameters } from './runtime-parameters.ts';
import { Sampler } from './sampler.ts';
import { type SamplingOptions, samplingOptions } from './sampling.ts';
import { sessionBuffers } from './session-buffers.ts';
import { completeOptions, type SessionOptions } from './session-options.ts';
import type { Shape, Tensor } from './tensor.ts';
import { Workspace } from './workspace.ts';

/** Kernels of a prompt that are submitted before others are recorded: the device is busy with them while that is done. */
const firstSteps = 8;

/** What a call runs, and its extents. */
interface Call {
  readonly dispatches: readonly DispatchDecl[];
  readonly symbols: ExtentBindings;
}

/**
 * A model's state for B sequences: its cache, and how many tokens of each are in it. With a `mask.prefix`, a token sees what
 * of the prefix is in the cache or in its own call: the whole of it belongs into the first call.
 */
export class Session<
  Vocab extends number = number,
  Hooks extends object = Readonly<Record<string, Shape>>,
  Parameters extends object = Readonly<Record<string, Shape>>,
  Edits extends object = Readonly<Record<string, Shape>>,
> {
  readonly batch: number;
  readonly capacity: number;
  readonly #model: LoadedModule;
  readonly #chunk: number;
  /** Entries of a row of the output. */
  readonly #width: number;
  readonly #allLogits: boolean;
  readonly #workspace: Workspace;
  readonly #sampler: Sampler;
  readonly #sequences: CachedSequences;
  readonly #parameters: RuntimeParameters;
  readonly #edits: HeadEdits;
  /** Drawn from the logits of the last call, and submitted with it. */
  #ahead: { readonly ids: Promise<readonly number[]>; readonly options: SamplingOptions } | undefined;
  /** The last call was of the tokens that are in the cache. */
  #hasLogits = false;
  #busy = false;
  /** Extents of the last call. */
  #symbols: ExtentBindings | undefined;

  private constructor(model: LoadedModule, workspace: Workspace, sampler: Sampler, options: Required<SessionOptions>) {
    this.#model = model;
    this.#workspace = workspace;
    this.#sampler = sampler;
    this.batch = options.batch;
    this.capacity = options.capacity;
    this.#chunk = options.chunk;
    this.#width = widthOf(model);
    this.#sequences = new CachedSequences(model.definition, options);
    this.#parameters = new RuntimeParameters(model.definition, workspace);
    this.#edits = new HeadEdits(model.definition, workspace);
    this.#allLogits = options.logits === 'all';
  }

  /** @throws UsageError, LimitError, OutOfMemoryError */
  static async create<
    V extends number = number,
    H extends object = Readonly<Record<string, Shape>>,
    P extends object = Readonly<Record<string, Shape>>,
    E extends object = Readonly<Record<string, Shape>>,
  >(model: LoadedModule, options: SessionOptions = {}): Promise<Session<V, H, P, E>> {
    const { definition } = model;
    const complete = completeOptions(definition, model.variant, options);
    const { batch, capacity, chunk, pages, logits } = complete;
    const buffers = sessionBuffers(definition, model.variant);
    const symbols = {
      B: batch,
      I: chunk,
      J: capacity,
      C: capacity,
      P: pages,
      L: logits === 'all' ? batch * chunk : batch,
    };
    const workspace = await Workspace.create(model, { buffers, symbols, external: new Map() });
    const sampler = await Sampler.create(model, workspace, batch);
    activateAllHeads(buffers, workspace);
    return new Session<V, H, P, E>(model, workspace, sampler, complete);
  }

  /** Tokens of each sequence in the cache. */
  get past(): readonly number[] {
    return this.#sequences.past;
  }

  /** The output of the last call, on the device: f32 `[B, vocab]` (or `[B, I, vocab]`), or the hidden states `[B, I, hidden]`. */
  get logitsBuffer(): GPUBuffer {
    return this.#workspace.buffer(this.#model.definition.facts.output);
  }

  /**
   * What the last call left in one of the spec's hooks, `layers.{i}.hooks.{name}`; in rows beyond a shorter sequence's end, anything.
   * A prompt of more than a chunk is run in pieces, and its last piece is what a hook holds.
   * @throws UsageError when the spec asks for no such hook, or before the first call.
   */
  read<N extends keyof Hooks & string>(name: N): Promise<Tensor<'f32', Extract<Hooks[N], Shape>>> {
    return this.#exclusively(async () => {
      const tensor = await readOutput(this.#model, this.#workspace, name, this.#symbols);
      return tensor as Tensor<'f32', Extract<Hooks[N], Shape>>;
    });
  }

  /** A hook on the device, for passes of the app's own. @throws UsageError when the spec asks for no such hook. */
  hookBuffer(name: keyof Hooks & string): GPUBuffer {
    return this.#workspace.buffer(name);
  }

  /**
   * Appends a prompt, or one prompt of any length for each sequence, and gives the logits. A model that is not causal
   * reads each text from its first token on: nothing is appended then.
   * @throws UsageError for ids outside the vocabulary, more tokens than the cache has room for, or a prefix that the module does not take or
   * that is longer than a chunk; nothing is run then.
   */
  async prefill(prompt: Prompt, options: PrefillOptions = {}): Promise<Logits<Vocab>> {
    checkOptions('prefill', options, prefillOptions);
    const rows = this.#rowsOf(prompt);
    const prefix = this.#sequences.checkPrefix(options.prefix);
    return this.#exclusively(async () => {
      const longest = Math.max(...rows.map((row) => row.length));
      const width = this.#width as Vocab;
      const shape = this.#allLogits ? ([this.batch, longest, width] as const) : ([this.batch, width] as const);
      const data = new Float32Array((this.#allLogits ? longest : 1) * this.batch * width);
      this.#sequences.setPrefix(prefix);
      await this.#runPieces(rows, (piece) => this.#collect(data, piece, longest));
      return { dtype: 'f32', shape, data };
    });
  }

  /** Appends one token to each sequence and gives the next logits, `[B, vocab]`. */
  async step(ids: number | readonly number[]): Promise<Logits<Vocab>> {
    this.#requireCausal('step');
    return this.prefill(Array.from(typeof ids === 'number' ? [ids] : (ids ?? []), (id) => [id]));
  }

  /**
   * Yields the tokens that follow the prompt (which may be empty when there are logits already). Each token is in the cache
   * when it is yielded, but for the last one of `maxTokens`. Batch 1 only.
   * @throws UsageError; the signal's reason when it is aborted.
   */
  async *generate(prompt: readonly number[], options: GenerateOptions = {}): AsyncGenerator<number, void, void> {
    this.#requireSampling('generate');
    checkGenerate(options);
    if (this.batch !== 1)
      throw new UsageError('generate runs one sequence: make a session with batch 1, or use prefill and step');
    const { signal, stop = [] } = options;
    const most = options.maxTokens ?? Number.POSITIVE_INFINITY;
    signal?.throwIfAborted();
    if (prompt?.length !== 0) await this.#submitPrompt(prompt, options);
    for (let made = 0; made < most; made++) {
      signal?.throwIfAborted();
      const continues = made + 1 < most && this.#sequences.hasRoom;
      const [token] = await this.#exclusively(() => this.#draw(options, continues));
      if (token === undefined || stop.includes(token)) return;
      yield token;
      if (!continues) return;
    }
  }

  /** Draws the next token of each sequence from the logits of the last call. */
  async sample(options: SamplingOptions = {}): Promise<readonly number[]> {
    checkOptions('sample', options, samplingOptions);
    this.#requireSampling('sample');
    return this.#exclusively(() => this.#draw(options, false));
  }

  /**
   * Records one call into a pass of the app's own, which submits it; `logitsBuffer` then holds the logits. One call for each submission:
   * ids and lengths are written to the queue at once.
   */
  encode(pass: GPUComputePassEncoder, prompt: Prompt): void {
    const rows = this.#rowsOf(prompt);
    if (rows.some((row) => row.length > this.#chunk))
      throw new UsageError(`at most ${this.#chunk} tokens at a time: see SessionOptions.chunk`);
    const { dispatches, symbols } = this.#begin(rows);
    this.#workspace.record(pass, dispatches, symbols);
  }

  /**
   * Forgets all but the first `tokens` of each sequence, so that a prompt that begins alike is continued and not run again. There are no
   * logits afterwards until the next call.
   * @throws UsageError when a sequence has fewer, or what its next token would see is no longer in a ring cache: see `canRewind`.
   */
  rewind(tokens: number): void {
    if (this.#busy) throw new UsageError('the session is busy: await one call before the next');
    this.#sequences.rewind(tokens);
    this.#dropAhead();
    this.#hasLogits = false;
  }

  /** Whether all that the token after the first `tokens` sees is still there: a ring cache overwrites what is far behind. */
  canRewind(tokens: number): boolean {
    return this.#sequences.canRewind(tokens);
  }

  /**
   * Which query heads of a layer are computed from the next call on, `[H]`; with `heads: { active: runtime }`. Those that are not
   * give nothing to the layer's output, and take no time.
   * @throws UsageError
   */
  setActiveHeads(layer: number, active: readonly boolean[]): void {
    setActiveHeads(this.#model.definition, this.#workspace, layer, active);
  }

  /**
   * The values of a parameter that the spec declares `runtime`, from the next call on. Each of them has to be given before the first call.
   * @throws UsageError for another number of values than its shape has
   */
  setParameter(name: keyof Parameters & string, values: Float32Array<ArrayBuffer>): void {
    this.#parameters.set(name, values);
  }

  /**
   * What the next call adds to the residual stream that heads read, `[B, I, H, hidden]` (k and v: `[B, I, K, hidden]`) for the I tokens of
   * that call, with `inputs: split_qkv`. To replace a head's input, add the difference. Later calls are not edited.
   * @throws UsageError for a name that there is not; the call, for another number of values
   */
  setEdit(name: keyof Edits & string, values: Float32Array<ArrayBuffer>): void {
    this.#edits.set(name, values);
  }

  /** Forgets all tokens. */
  reset(): void {
    this.#sequences.reset();
    this.#dropAhead();
    this.#sampler.reset();
    this.#hasLogits = false;
  }

  dispose(): void {
    this.#workspace.dispose();
    this.#sampler.dispose();
  }

  #requireCausal(call: string): void {
    if (this.#model.definition.facts.causal) return;
    const { name } = this.#model.definition;
    throw new UsageError(`${name} reads a text in both directions, ${call} cannot continue one: use prefill`);
  }

  #requireSampling(call: string): void {
    this.#requireCausal(call);
    const { name, facts } = this.#model.definition;
    if (facts.output !== 'logits')
      throw new UsageError(`${name} has no head, ${call} has nothing to draw from: use prefill`);
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new UsageError('the session is busy: await one call before the next');
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #rowsOf(prompt: Prompt): readonly (readonly number[])[] {
    this.#parameters.checkComplete();
    const { batch, capacity } = this;
    const { vocab, causal } = this.#model.definition.facts;
    if (!causal) this.reset();
    const { past } = this;
    const rows = promptRows(prompt, { batch, vocab, capacity, past, ...(!causal && { atOnce: this.#chunk }) });
    const longest = Math.max(...rows.map((row) => row.length));
    this.#edits.check(batch, longest, Math.ceil(longest / this.#chunk));
    this.#sequences.checkPages(rows.map((row) => row.length));
    return rows;
  }

  async #submitPrompt(prompt: readonly number[], options: PrefillOptions): Promise<void> {
    const rows = this.#rowsOf([prompt]);
    const prefix = this.#sequences.checkPrefix(options.prefix);
    await this.#exclusively(async () => {
      this.#sequences.setPrefix(prefix);
      await this.#runPieces(rows);
    });
  }

  /** All rows end in the last piece: where logits of every token are not asked for, the others make none, and nothing waits for them. */
  async #runPieces(
    rows: readonly (readonly number[])[],
    collect?: (piece: readonly PieceOfRow[]) => Promise<void>,
  ): Promise<void> {
    const all = pieces(rows, this.#chunk, this.#sequences.together);
    for (const [index, piece] of all.entries()) {
      const givesLogits = this.#allLogits || index === all.length - 1;
      const ids = piece.map((part) => part.ids);
      const { dispatches, symbols } = this.#begin(ids, givesLogits);
      this.#workspace.submit(dispatches, symbols, firstSteps);
      if (givesLogits) await collect?.(piece);
    }
  }

  /** Uploads ids and lengths of a call. The tokens count as appended from here on. */
  #begin(rows: readonly (readonly number[])[], givesLogits = true): Call {
    const tokens = Math.max(...rows.map((row) => row.length));
    const ids = new Uint32Array(this.batch * tokens);
    for (const [b, row] of rows.entries()) ids.set(row, b * tokens);
    this.#model.ledger.upload(this.#workspace.buffer('ids'), 0, new Uint8Array(ids.buffer));
    const counts = rows.map((row) => row.length);
    return this.#beginStep(counts, givesLogits);
  }

  #beginStep(counts: readonly number[], givesLogits = true): Call {
    this.#dropAhead();
    this.#edits.begin();
    const tokens = Math.max(...counts);
    const sequences = this.#sequences.next(counts);
    const keys = Math.max(...sequences.map(({ past, count }) => past + count));
    const { batch, capacity } = this;
    const table = this.#sequences.append(counts);
    if (table !== undefined) this.#workspace.upload('page_table', table);
    this.#workspace.setStep({ batch, tokens, keys, capacity, allLogits: this.#allLogits, sequences });
    const { prefill, decode } = this.#model.variant;
    const rows = this.#allLogits ? batch * tokens : batch;
    const symbols = { B: batch, I: tokens, J: keys, C: capacity, L: givesLogits ? rows : 0 };
    this.#symbols = symbols;
    this.#hasLogits = true;
    return { dispatches: tokens === 1 ? decode : prefill, symbols };
  }

  /** Copies the logits of one piece of the prompt to where they belong in `data`. */
  async #collect(data: Float32Array, piece: readonly PieceOfRow[], longest: number): Promise<void> {
    const width = this.#width;
    const tokens = Math.max(...piece.map(({ ids }) => ids.length));
    const rows = this.#allLogits ? this.batch * tokens : this.batch;
    const bytes = await this.#model.ledger.readBack(this.logitsBuffer, 0, rows * width * 4);
    const values = new Float32Array(bytes.buffer);
    for (const [b, { ids, from }] of piece.entries()) {
      if (this.#allLogits) {
        const start = b * tokens * width;
        data.set(values.subarray(start, start + ids.length * width), (b * longest + from) * width);
      } else if (ids.length > 0) data.set(values.subarray(b * width, (b + 1) * width), b * width);
    }
  }

  /**
   * With `continues` the next step, and the draw from its logits, are one submission, which is made before these ids are waited for: the device
   * works while the host yields and records.
   */
  async #draw(options: SamplingOptions, continues: boolean): Promise<readonly number[]> {
    if (!this.#hasLogits) throw new UsageError('there are no logits yet: prefill a prompt first');
    const ids = this.#takeAhead(options) ?? this.#sampler.submit(options);
    if (continues) {
      const { dispatches, symbols } = this.#beginStep(this.past.map(() => 1));
      const next = this.#sampler.submit(options, (pass) => this.#workspace.record(pass, dispatches, symbols));
      this.#ahead = { ids: next, options };
    }
    return ids;
  }

  /** What was drawn ahead with these options; what was drawn with others does not count. */
  #takeAhead(options: SamplingOptions): Promise<readonly number[]> | undefined {
    const ahead = this.#ahead;
    if (ahead?.options !== options) {
      this.#dropAhead();
      return undefined;
    }
    this.#ahead = undefined;
    return ahead.ids;
  }

  #dropAhead(): void {
    if (this.#ahead !== undefined) this.#sampler.takeBack();
    this.#ahead = undefined;
  }
}

function widthOf({ definition }: LoadedModule): number {
  const { output, hidden, vocab } = definition.facts;
  return output === 'hidden' ? hidden : vocab;
}
