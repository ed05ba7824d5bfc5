import { alternatives, attention, entry } from '../entry.ts';

/** One head, and the lines that matter. */
const example = (...lines: readonly string[]) => ({ spec: attention('q_heads: 8', 'head_dim: 64', ...lines) });

/** What a part of an expression is or is not, and the way out. */
/** Not an interface: the types of the catalogue, which are exported, spell it out. */
type Problem = {
  readonly problem: string;
  readonly help?: string;
};

const words = { message: (a: Problem) => a.problem, help: (a: Problem) => a.help };

export const expressionRules = {
  EXP001: entry({
    slug: 'expression-malformed',
    severity: 'error',
    message: (a: Problem) => `this is no expression: ${a.problem}`,
    help: (a: Problem) => a.help,
    why: 'The expression language has numbers, names, `+ - * / // %`, comparisons, `& | !`, calls `min(x, y)` and indices `slope[h]`, up to a length and depth that no formula needs.',
    failing: example('score: "softcap(s, 50"'),
    mended: example('score: "softcap(s, 50)"'),
  }),
  EXP002: entry({
    slug: 'expression-unknown-name',
    severity: 'error',
    message: (a: {
      name: string;
      reason?: string | undefined;
      suggestion?: string | undefined;
      known?: readonly string[];
    }) => (a.reason === undefined ? `\`${a.name}\` is nothing that is known here` : `\`${a.name}\` ${a.reason}`),
    label: (a) => (a.suggestion === undefined ? undefined : `did you mean \`${a.suggestion}\`?`),
    help: (a) =>
      a.known === undefined ? undefined : `known are ${alternatives(a.known.map((name) => `\`${name}\``))}`,
    why: 'An expression names the logit `s`, positions, heads and lengths, functions, and the parameters that `attention.parameters` declares.',
    failing: example('score: "soft_cap(s, 50)"'),
    mended: example('score: "softcap(s, 50)"'),
  }),
  EXP003: entry({
    slug: 'expression-type',
    severity: 'error',
    ...words,
    why: 'Values are integers, floats, or true and false. Integers become floats where they meet one; nothing else converts by itself.',
    failing: example('mask: { where: "q - k" }'),
    mended: example('mask: { where: "q - k < 128" }'),
  }),
  EXP004: entry({
    slug: 'expression-index',
    severity: 'error',
    ...words,
    why: 'An index that may lie outside of its tensor reads another entry on one device and a zero on the next. So it has to be known to lie inside: by what it is, by the masks, or by a `clamp`.',
    failing: example(
      'parameters: { bias: { axes: [h, 129] } }',
      'score: "s + bias[h, q - k]"',
      'mask: { causal: true }',
    ),
    mended: example(
      'parameters: { bias: { axes: [h, 129] } }',
      'score: "s + bias[h, min(q - k, 128)]"',
      'mask: { causal: true }',
    ),
  }),
  EXP005: entry({
    slug: 'expression-value',
    severity: 'error',
    ...words,
    why: 'The device computes with 32 bits, and without a promise about infinities. A division by zero or an integer that wraps would give another result on each.',
    failing: example('score: "s / (q - k)"'),
    mended: example('score: "s / max(q - k, 1)"'),
  }),
  EXP006: entry({
    slug: 'expression-key-position',
    severity: 'error',
    message: (a: { columns: 'memory' | 'zero'; kind: 'score' | 'mask' }) =>
      `\`k\` has no value on ${a.columns === 'zero' ? 'the zero column' : 'memory columns'}, which stand before the sequence`,
    label: () => 'a position in the sequence',
    help: (a) => {
      const test = a.columns === 'zero' ? 'is_zero' : 'is_memory';
      return a.kind === 'mask'
        ? `write \`${test} | …\` to show them`
        : `write \`select(${test}, s, …)\` to leave them as they are`;
    },
    why: 'Memory and zero keys are learned or constant: they are at no distance from a query. What an expression gives there has to be said.',
    failing: example('memory_kv: 4', 'score: "s - alibi_slope(h) * abs(q - k)"'),
    mended: example('memory_kv: 4', 'score: "select(is_memory, s, s - alibi_slope(h) * abs(q - k))"'),
  }),
  EXP007: entry({
    slug: 'score-with-other-logits',
    severity: 'error',
    message: (a: { option: string; instead: string }) =>
      `there is a \`score\` and \`${a.option}\`: it is not said which comes first`,
    help: (a) => `delete \`${a.option}\` and write ${a.instead} in \`score\``,
    why: 'A score says the whole way from the scaled logit to the logit that is masked, so that its order can be read from it.',
    failing: example('softcap: 50', 'score: "s - alibi_slope(h) * abs(q - k)"'),
    mended: example('score: "softcap(s, 50) - alibi_slope(h) * abs(q - k)"'),
  }),
  CAU001: entry({
    slug: 'later-tokens-under-causal-mask',
    severity: 'error',
    message: (a: { name: 'q_len' | 'k_len' }) =>
      `\`${a.name}\` counts tokens that come after the query, and the mask is causal`,
    label: () => 'the length of the call',
    help: (a) =>
      a.name === 'k_len'
        ? 'write `q + 1`, the keys up to the query’s own, or delete `causal`'
        : 'leave it out, or delete `causal`',
    why: 'Under a causal mask no result depends on what follows its token: prompts are run in pieces, and continued token by token. `k_len` and `q_len` are lengths of a call, so that a token would be another one in a longer call. The other options of a spec cannot look ahead: `mask.where` and `mask.window` only hide, and `mask.prefix` says by its name what it shows. `gqac import` reports the options of other systems that do.',
    issue:
      'lucidrains/x-transformers: `attn_orthog_projected_values` projects on the values of all tokens, which makes a Decoder non-causal',
    failing: example('mask: { causal: true }', 'score: "s * log(k_len + 1.0)"'),
    mended: example('mask: { causal: true }', 'score: "s * log(max(q, 0) + 2.0)"'),
  }),
  EXP008: entry({
    slug: 'parameter-declaration',
    severity: 'error',
    ...words,
    why: 'A parameter is a tensor of the checkpoint and a buffer of every attention kernel, of which devices promise eight in all.',
    failing: example('parameters: { q: { axes: [h] } }', 'score: "s + q[h]"'),
    mended: example('parameters: { slope: { axes: [h] } }', 'score: "s + slope[h]"'),
  }),
  EXP009: entry({
    slug: 'function-declaration',
    severity: 'error',
    ...words,
    why: 'The body of a declared function stands in place of each call, with the operands in place of its parameters: so it has a type wherever its operands give it one, and a name means one thing everywhere. It cannot call itself.',
    failing: example('functions: { far: { params: [q], body: "q > 100" } }', 'mask: { where: "!far(q - k)" }'),
    mended: example('functions: { far: { params: [d], body: "d > 100" } }', 'mask: { where: "!far(q - k)" }'),
  }),
};
