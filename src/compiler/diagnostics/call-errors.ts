import type { OtherPage } from './pages.ts';

/** What a module refuses when it is called: its `UsageError` has the code. A spec cannot be blamed for it, so the catalogue has none of these. */
interface CallError {
  readonly slug: string;
  readonly why: string;
  readonly issue: string;
  readonly failing: string;
  readonly mended: string;
}

const bias = (keys: number, code: string) => `// attention: { q_heads: 8, head_dim: 64, memory_kv: 4, bias: {} }
// ${code}
const bias = { buffer, dtype: 'f32', shape: [1, 8, 5, ${keys}] };
await AttentionSession.create(module, { tokens: 5, keys: 32 }, { bias });`;

const keyMask = (keys: number, code: string) =>
  `// attention: { hidden: 512, q_heads: 8, cross: 768, mask: { padding: keys } }
// ${code}
const key_mask = { buffer, dtype: 'u32', shape: [1, ${keys}] };
await AttentionSession.create(module, { tokens: 5, keys: 32 }, { key_mask });`;

const callErrors = {
  MEM004: {
    slug: 'memory-columns-given',
    why: 'Masks, biases and document ids are of the keys of the sequence. Columns of memory and of the zero key are placed before them by the kernels, visible and without a bias, so that a tensor that brings columns for them too would be padded twice: every key would get the bias of another.',
    issue:
      'lucidrains/x-transformers pads `mask` for memory and not `attn_mask` or `attn_bias`; pytorch/pytorch#27461 (zero columns and masks)',
    failing: bias(36, '32 keys and 4 columns of memory'),
    mended: bias(32, 'the keys of the sequence'),
  },
  MSK001: {
    slug: 'mask-axes',
    why: 'A mask or bias has the axes (query, key of the sequence), and the keys of cross-attention are those of the context. A tensor that was made for another number of keys is refused rather than cut or stretched.',
    issue: 'facebookresearch/xformers#1122: a mask made for keys of another length was accepted',
    failing: keyMask(5, 'as many keys as queries'),
    mended: keyMask(32, 'as many keys as the context has rows'),
  },
} as const satisfies Readonly<Record<string, CallError>>;

export type CallErrorCode = keyof typeof callErrors;

export const callErrorCodes = Object.freeze(Object.keys(callErrors) as CallErrorCode[]);

export function isCallErrorCode(text: string): text is CallErrorCode {
  return Object.hasOwn(callErrors, text);
}

export const callErrorRules = callErrorCodes.map((code) => ({ code, severity: 'error', ...callErrors[code] }));

export function callErrorPages(): readonly OtherPage[] {
  return callErrorCodes.map((code) => {
    const { slug } = callErrors[code];
    return { code, severity: 'error', slug, page: explainCallError(code) };
  });
}

/** The page of one code, in the form of the pages of the catalogue. */
export function explainCallError(code: CallErrorCode): string {
  const { slug, why, issue, failing, mended } = callErrors[code];
  return [
    `# ${code}: ${slug} (error)`,
    '',
    'Reported when a module is called: its `UsageError` has this `code`.',
    '',
    why,
    '',
    `Seen in the wild: ${issue}.`,
    '',
    '## Reported',
    '',
    ...typescript(failing),
    '## Mended',
    '',
    ...typescript(mended),
  ].join('\n');
}

const typescript = (text: string): readonly string[] => ['```ts', text, '```', ''];
