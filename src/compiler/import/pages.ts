import { type ImportCode, importCodes } from './draft.ts';

/** The words about one code of the importers, and configs that raise it and do not. */
export interface ImportEntry {
  readonly slug: string;
  readonly why: string;
  readonly failing: object;
  /** Absent where there is nothing to mend. */
  readonly mended?: object;
}

const attention = { dim: 64, heads: 4, dim_head: 16 };

export const importEntries: Readonly<Record<ImportCode, ImportEntry>> = Object.freeze({
  IMP001: {
    slug: 'import-unknown-field',
    why: 'A field that the importer dropped might be the one that makes the model another one, so none is dropped.',
    failing: { kwargs: { ...attention, causall: true } },
    mended: { kwargs: { ...attention, causal: true } },
  },
  IMP002: {
    slug: 'import-not-expressible',
    why: 'The source system computes something that a spec cannot say. `gqac import --partial` writes the rest, with what is left out named at the top.',
    failing: { kwargs: { ...attention, hard: true } },
    mended: { kwargs: attention },
  },
  IMP003: {
    slug: 'import-convention-assumed',
    why: 'The source system does it in its code, so its config does not say it. The spec does, with a comment beside the option: read it if your code differs.',
    failing: {
      model_type: 'minimind',
      vocab_size: 65,
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
    },
  },
  IMP004: {
    slug: 'import-without-effect',
    why: 'The option matters to training only, or not beside the others, so the spec leaves it out.',
    failing: { kwargs: { ...attention, dropout: 0.1 } },
    mended: { kwargs: attention },
  },
  IMP005: {
    slug: 'import-unusable-value',
    why: 'A size that is missing or makes no sense beside the others cannot be guessed.',
    failing: { kwargs: { ...attention, heads: 'four' } },
    mended: { kwargs: attention },
  },
  IMP006: {
    slug: 'import-unknown-system',
    why: 'Which system a config comes from is told by fields that only it has. `--from` says it for a config that lacks them.',
    failing: { hidden: 64, heads: 4 },
    mended: { kwargs: attention },
  },
  IMP007: {
    slug: 'import-unknown-model-type',
    why: 'What a model computes is in its modelling code; its config has sizes. The importer knows the code of the model types that it lists, and guesses no other: write the spec of a near one and change it.',
    failing: { model_type: 'lama', vocab_size: 97, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4 },
    mended: {
      model_type: 'llama',
      vocab_size: 97,
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      intermediate_size: 112,
    },
  },
});

export const importRuleCodes = Object.freeze(Object.keys(importCodes) as ImportCode[]);

export function isImportCode(text: string): text is ImportCode {
  return Object.hasOwn(importCodes, text);
}

interface ImportPage {
  readonly code: ImportCode;
  readonly severity: string;
  readonly slug: string;
  readonly page: string;
}

export function importPages(): readonly ImportPage[] {
  return importRuleCodes.map((code) => ({
    code,
    severity: importCodes[code].severity,
    slug: importEntries[code].slug,
    page: explainImport(code),
  }));
}

/** The page of one code, in the form of the pages of the checker's. */
export function explainImport(code: ImportCode): string {
  const { severity, meaning } = importCodes[code];
  const { slug, why, failing, mended } = importEntries[code];
  return [
    `# ${code}: ${slug} (${severity})`,
    '',
    `Reported by \`gqac import\`: ${meaning}.`,
    '',
    why,
    '',
    '## Reported',
    '',
    ...json(failing),
    ...(mended === undefined ? [] : ['## Mended', '', ...json(mended)]),
  ].join('\n');
}

function json(value: object): readonly string[] {
  return ['```json', JSON.stringify(value, null, 2), '```', ''];
}
