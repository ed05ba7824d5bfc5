import { attention, entry } from '../entry.ts';

const heads = attention('q_heads: 8', 'head_dim: 64');

export const schemaRules = {
  SCH001: entry({
    slug: 'unknown-key',
    severity: 'error',
    message: (a: {
      key: string;
      place: string;
      suggestion?: string | undefined;
      hint?: string | undefined;
      known: readonly string[];
    }) => `${a.place} has no option \`${a.key}\``,
    help: (a) =>
      a.hint ??
      (a.suggestion === undefined ? `options here: ${a.known.join(', ')}` : `did you mean \`${a.suggestion}\`?`),
    why: 'An option that nothing reads would be dropped without a word, and the model would be another one.',
    issue: 'sgl-project/sglang#30050, vllm-project/vllm#48011: options silently ignored',
    failing: { spec: attention('q_heads: 8', 'kv_head: 2', 'head_dim: 64') },
    mended: { spec: attention('q_heads: 8', 'kv_heads: 2', 'head_dim: 64') },
  }),
  SCH002: entry({
    slug: 'wrong-value',
    severity: 'error',
    message: (a: { option: string; expected: string; suggestion?: string | undefined; hint?: string | undefined }) =>
      `\`${a.option}\` has a value of another kind or out of range`,
    label: (a) => `expected ${a.expected}`,
    help: (a) => (a.suggestion === undefined ? a.hint : `did you mean \`${a.suggestion}\`?`),
    why: 'Every option has one type and range; they are listed in docs/options.md.',
    failing: { spec: attention('q_heads: 8', 'head_dim: -64') },
    mended: { spec: heads },
  }),
  SCH003: entry({
    slug: 'missing-key',
    severity: 'error',
    message: (a: { option: string; because?: string | undefined }) =>
      `\`${a.option}\` is missing${a.because === undefined ? '' : `: ${a.because}`}`,
    help: (a) => `add \`${a.option}\``,
    why: 'Where no default would be right for most models, none is assumed.',
    failing: { spec: attention('kv_heads: 2', 'head_dim: 64') },
    mended: { spec: attention('q_heads: 8', 'kv_heads: 2', 'head_dim: 64') },
  }),
  SCH004: entry({
    slug: 'excluded-combination',
    severity: 'error',
    message: (a: { option: string; reason: string; help: string }) =>
      `\`${a.option}\` is not allowed here: ${a.reason}`,
    help: (a) => a.help,
    why: 'Two options that each make sense may make none together; which of them was meant is not guessed.',
    issue:
      'lucidrains/x-transformers: 41 of 1,035 option pairs assert when a model is built, 13 crash only when it runs',
    failing: { spec: attention('q_heads: 8', 'head_dim: 64', 'kv_heads: 2', 'group_size: 4') },
    mended: { spec: attention('q_heads: 8', 'head_dim: 64', 'group_size: 4') },
  }),
  SCH005: entry({
    slug: 'not-a-spec',
    severity: 'error',
    message: () => 'nothing here is an option of a spec',
    help: () =>
      'a spec begins with `gqac: 1`, `name:` and `attention:`; `gqac import` writes one from a config of another system',
    why: 'A file without a single option of a spec is another kind of file, most often the `config.json` of a model: what is wrong is not each of its lines.',
    failing: { spec: 'model_type: llama\nhidden_size: 512\nnum_attention_heads: 8\n' },
    mended: { spec: heads },
  }),
};
