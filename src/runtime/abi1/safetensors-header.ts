/**
 * The header of a safetensors file, parsed by hand: the format needs a fraction of JSON, and `JSON.parse` would drop
 * duplicate names in silence and build whatever a hostile file nests. Format: https://github.com/huggingface/safetensors
 */
import { CheckpointError } from './errors.ts';

/** An entry as written; nothing about it has been checked against the file yet. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly [start: number, end: number];
}

export interface ParsedHeader {
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

const maxTensors = 100_000;
const maxAxes = 64;
const quote = 0x22;
const backslash = 0x5c;
const jsonSpace = ' \t\n\r';

/** @throws CheckpointError at the first character that is not part of a valid header. */
export function parseHeader(file: string, bytes: Uint8Array): ParsedHeader {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckpointError(file, 'the header is not UTF-8: this is not a safetensors file, or it is damaged');
  }
  if (text[0] !== '{')
    throw new CheckpointError(file, 'the header does not start with {: this is not a safetensors file');
  const cursor = new HeaderCursor(file, text);
  const entries = new Map<string, HeaderEntry>();
  let metadata: ReadonlyMap<string, string> | undefined;
  cursor.object((name) => {
    if (name === '__metadata__') {
      if (metadata !== undefined) throw new CheckpointError(file, 'the header has __metadata__ twice');
      metadata = parseMetadata(cursor);
      return;
    }
    if (entries.has(name)) throw new CheckpointError(file, 'the header has this name twice', name);
    if (entries.size === maxTensors) throw new CheckpointError(file, `the header has more than ${maxTensors} tensors`);
    entries.set(name, parseEntry(cursor, file, name));
  });
  cursor.end();
  return { entries, metadata: metadata ?? new Map() };
}

function parseMetadata(cursor: HeaderCursor): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  cursor.object((key) => {
    if (metadata.has(key)) throw cursor.error(`the metadata has the key ${JSON.stringify(key)} twice`);
    metadata.set(key, cursor.string());
  });
  return metadata;
}

function parseEntry(cursor: HeaderCursor, file: string, name: string): HeaderEntry {
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  const seen = new Set<string>();
  cursor.object((field) => {
    if (seen.has(field)) throw new CheckpointError(file, `the header says its ${field} twice`, name);
    seen.add(field);
    if (field === 'dtype') dtype = cursor.string();
    else if (field === 'shape') shape = cursor.integers(maxAxes);
    else if (field === 'data_offsets') offsets = cursor.integers(2);
    else throw new CheckpointError(file, `the header has an unknown field ${JSON.stringify(field)}`, name);
  });
  if (dtype === undefined) throw new CheckpointError(file, 'the header does not say its dtype', name);
  if (shape === undefined) throw new CheckpointError(file, 'the header does not say its shape', name);
  const [start, end] = offsets ?? [];
  if (start === undefined || end === undefined) {
    throw new CheckpointError(file, 'the header does not say where its data starts and ends', name);
  }
  return { dtype, shape, offsets: [start, end] };
}

/** Loops over characters, not patterns: a pattern's backtracking stack would overflow on hostile lengths. */
class HeaderCursor {
  readonly #file: string;
  readonly #text: string;
  #at = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  error(message: string): CheckpointError {
    return new CheckpointError(this.#file, `header, character ${this.#at}: ${message}`);
  }

  object(member: (key: string) => void): void {
    this.#list('{', '}', 'object', () => {
      const key = this.string();
      this.#expect(':');
      member(key);
    });
  }

  integers(most: number): readonly number[] {
    const values: number[] = [];
    this.#list('[', ']', 'list', () => {
      if (values.length === most) throw this.error(`more than ${most} numbers`);
      values.push(this.#integer());
    });
    return values;
  }

  string(): string {
    this.#skipSpace();
    const start = this.#at;
    if (this.#text[start] !== '"') throw this.error('expected a string');
    let at = start + 1;
    let escaped = false;
    for (let code = this.#text.charCodeAt(at); code !== quote; code = this.#text.charCodeAt(at)) {
      // NaN, past the end, is not at least a space either.
      if (!(code >= 0x20)) throw this.error('unfinished string, or a control character in it');
      if (code === backslash) escaped = true;
      at += code === backslash ? 2 : 1;
    }
    this.#at = at + 1;
    if (!escaped) return this.#text.slice(start + 1, at);
    try {
      return JSON.parse(this.#text.slice(start, at + 1)) as string;
    } catch {
      throw this.error('malformed escape in a string');
    }
  }

  end(): void {
    this.#skipSpace();
    if (this.#at !== this.#text.length) throw this.error('unexpected text after the header');
  }

  #list(open: string, close: string, what: string, item: () => void): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== open)
      throw this.error(`expected ${what === 'object' ? 'an object' : 'a list of integers'}`);
    this.#at += 1;
    this.#skipSpace();
    if (this.#text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      item();
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === close) break;
      if (next !== ',') throw this.error(next === undefined ? 'the header ends too early' : `expected , or ${close}`);
      this.#at += 1;
    }
    this.#at += 1;
  }

  #integer(): number {
    this.#skipSpace();
    const start = this.#at;
    let value = 0;
    for (let digit = this.#digit(); digit !== undefined; digit = this.#digit()) {
      value = value * 10 + digit;
      if (!Number.isSafeInteger(value)) throw this.error('the integer is larger than 2^53 - 1');
      this.#at += 1;
    }
    const length = this.#at - start;
    if (length === 0 || (length > 1 && this.#text[start] === '0'))
      throw this.error('expected an integer of at least 0');
    return value;
  }

  #digit(): number | undefined {
    const digit = this.#text.charCodeAt(this.#at) - 0x30;
    return digit >= 0 && digit <= 9 ? digit : undefined;
  }

  #expect(character: string): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) throw this.error(`expected ${character}`);
    this.#at += 1;
  }

  #skipSpace(): void {
    while (jsonSpace.includes(this.#text[this.#at] ?? 'end')) this.#at += 1;
  }
}
