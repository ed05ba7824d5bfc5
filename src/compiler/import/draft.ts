/** A spec as a plain value, in the surface language of the option table; keys are in the order in which they are printed. */
export interface SpecDraft {
  readonly [key: string]: DraftValue;
}

export type DraftValue = string | number | boolean | readonly DraftValue[] | SpecDraft;

/** What an importer says about a config. Codes are documented in `importCodes`. */
export interface ImportNote {
  readonly code: ImportCode | SharedCode;
  readonly severity: 'error' | 'info';
  readonly message: string;
  /** Place in the source's config, such as `decoder.attn_heads`. */
  readonly path: string;
}

export const importCodes = {
  IMP001: { severity: 'error', meaning: 'a field that the importer does not know' },
  IMP002: { severity: 'error', meaning: 'an option that changes the result and that a spec cannot express yet' },
  IMP003: { severity: 'info', meaning: 'a convention of the source system that its config does not say' },
  IMP004: { severity: 'info', meaning: 'an option that does not change the result of inference' },
  IMP005: { severity: 'error', meaning: 'a value that is missing or cannot be used' },
  IMP006: { severity: 'error', meaning: 'a config of no known source system' },
  IMP007: { severity: 'error', meaning: 'a model type that the importer does not know' },
} as const;

export type ImportCode = keyof typeof importCodes;

/** Of the catalogue's codes, those that a config raises too; errors. */
export type SharedCode = 'CAU001';

export interface ImportOptions {
  /** Name of the spec; made from the source when absent. */
  readonly name?: string;
  /** Checkpoint file to write into the spec. */
  readonly weightsFile?: string;
  /** Names of the checkpoint's tensors: they decide between the spellings that checkpoints of a model type have. */
  readonly tensors?: ReadonlySet<string>;
}

/**
 * With an error among `notes`, `spec` is the part that could be expressed: a caller writes it only when the user asks
 * for that. It is undefined when not even the sizes are known.
 */
export interface ImportResult {
  readonly spec: SpecDraft | undefined;
  /** Remarks for people, by path in the spec (`attention.rope`). */
  readonly comments: ReadonlyMap<string, string>;
  readonly notes: readonly ImportNote[];
}

/** Collects what an importer has to say. */
export interface ImportLog {
  readonly notes: ImportNote[];
  readonly comments: Map<string, string>;
}

export function startLog(): ImportLog {
  return { notes: [], comments: new Map() };
}

/** Adds a note, once. Field names come from untrusted files: what could steer a terminal is replaced. */
export function say(log: ImportLog, code: ImportNote['code'], path: string, text: string): void {
  const message = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, maxMessage);
  const said = log.notes.some((note) => note.code === code && note.path === path && note.message === message);
  const severity = code === 'CAU001' ? 'error' : importCodes[code].severity;
  if (!said) log.notes.push({ code, severity, message, path });
}

const maxMessage = 500;

/** Notes a convention that the config does not spell out, and puts it beside the spec's option. */
export function assume(log: ImportLog, specPath: string, configPath: string, text: string): void {
  log.comments.set(specPath, text);
  say(log, 'IMP003', configPath, `convention assumed: ${text} (written as ${specPath})`);
}

/** Leaves out the entries that are undefined. */
export function compact(entries: Readonly<Record<string, DraftValue | undefined>>): SpecDraft {
  const kept: Record<string, DraftValue> = {};
  for (const [key, value] of Object.entries(entries)) if (value !== undefined) kept[key] = value;
  return kept;
}

/** The nearest name that the language accepts: letters, digits and `_`, starting with a letter, at most 63 long. */
export function specName(text: string | undefined, fallback: string): string {
  const words = (text ?? '').replace(/[^A-Za-z0-9]+/g, '_').replace(/^[^A-Za-z]+|_+$/g, '');
  return words.slice(0, 63) || fallback;
}
