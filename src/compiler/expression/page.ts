import { type FunctionRule, functions } from './functions.ts';
import { expressionLimits } from './lexer.ts';

/** docs/expressions.md. */
export function expressionsPage(): string {
  return `${banner}
# The expression language

\`attention.score\` says what becomes of a logit, \`attention.mask.where\` which keys a query sees. In YAML an expression is a
string, in the \`.gqa\` syntax it stands as it is (\`score softcap(s, 50)\`); both are read by one parser.

\`\`\`yaml
attention:
  q_heads: 8
  head_dim: 64
  parameters: { slope: { axes: [h] } }
  score: "softcap(s, 50) - slope[h] * (q - k)"
  mask: { causal: true, where: "q - k < 128 | k < 4" }
\`\`\`

## Names

| name | type | meaning |
| --- | --- | --- |
| \`s\` | float | the scaled logit, after mixing of heads before the softmax; in a score only |
| \`q\`, \`k\` | integer | positions of the query and the key in the sequence; in cross-attention, of the query among the tokens of the call and of the key in the context |
| \`h\`, \`kv\` | integer | query head, and the KV head that it reads |
| \`b\` | integer | sequence of the batch |
| \`q_len\`, \`k_len\` | integer | new tokens of the sequence in this call, and its keys after this call |
| \`is_memory\`, \`is_zero\` | truth | the column is one of \`memory_kv\`, or the one of \`zero_kv\` |
| \`NAME\`, \`NAME[i, j]\` | float | a parameter that \`attention.parameters\` declares |

## Operators

Tightest first: \`-x\` and \`!x\`; \`*\`, \`/\`, \`//\`, \`%\`; \`+\`, \`-\`; \`<\`, \`<=\`, \`>\`, \`>=\`, \`==\`, \`!=\`; \`&\`; \`|\`. \`/\` gives a
float. \`//\` and \`%\` take integers and round towards −∞, so that \`x % n\` has the sign of \`n\`. Comparisons do not chain.

A number without point and exponent is an integer. An integer becomes a float where it meets one; \`floor(x)\` makes an integer
of a float; nothing else is converted. Integers and floats have 32 bits: what may leave them, divide by zero or have no finite
value is an error ([EXP005](diagnostics/EXP005.md)).

## Functions

| function | operands | result | meaning |
| --- | --- | --- | --- |
${Object.entries(functions)
  .map(
    ([name, rule]) =>
      `| \`${name}(${rule.operands.join(', ')})\` | ${operandWords[rule.rule]} | ${resultWords(rule)} | ${rule.doc} |`,
  )
  .join('\n')}

## Functions of your own

\`\`\`yaml
functions:
  near: { params: [d, n], body: "0 <= d & d < n" }
  bend: { params: [x], body: "softcap(x, 50) - slope[h] * distance()" }
  distance: { body: "q - k" }
score: "bend(s)"
mask: { where: "near(distance(), 128) | is_memory" }
\`\`\`

\`attention.functions\` declares them, in any order. A call is its body with the operands in the places of \`params\`: it has
the type that they give it, all that is said here of expressions holds for it, and it is called with parentheses even without operands. A
body may name what an expression may name where the call stands, and call other functions, but not lead back to itself
([EXP009](diagnostics/EXP009.md)).

## A score

\`score\` takes the place of \`softcap\`, \`alibi\`, \`t5_bias\` and \`bias\`, which are refused beside it: the order of a cap and a bias
is the one that is written. What it gives is masked next. A logit that is masked is not asked for.

## A mask

\`mask.where\` holds in addition to \`causal\`, \`window\` and \`padding\`. Memory and zero columns stay visible, unless the condition
names \`is_memory\` or \`is_zero\`: then it decides about them too.

Bounds on the distance that a condition implies (\`q - k < 128\`, \`k <= q\`, \`abs(q - k) < 64 & …\`, \`q // 64 == k // 64\`) become
bounds of the kernel's loop over keys, as \`causal\` and \`window\` do: keys that no query of a tile can see are not read.

## Memory and zero columns

They stand before the sequence and have no position: where there are any, what an expression gives for them must not depend on
\`k\` ([EXP006](diagnostics/EXP006.md)). \`select(is_memory, s, s - alibi_slope(h) * (q - k))\` leaves their logits as they are,
\`is_memory | q - k < 128\` shows them always.

## Parameters

\`\`\`yaml
parameters:
  slope: { axes: [h] }          # one number for each query head
  table: { axes: [kv, 257] }    # 257 for each KV head
  sharpness: {}                 # one number
\`\`\`

They are learned, unless they are \`runtime\`: tensors \`attn.parameters.slope\` of the checkpoint (\`layers.{i}.attn.parameters.slope\` in a model), which
\`weights.names\` may map. A spec has four at most. An index has to be known to lie within its axis: by what it is (\`h\`,
\`k % 16\`), by the masks (with \`causal\` and \`window: 129\`, \`q - k\` lies from 0 to 128), or by \`clamp(…, 0, 256)\`
([EXP004](diagnostics/EXP004.md)).

With \`runtime: true\` a parameter is no weight but an input, f32 of the same shape: \`parameters.slope\` of attention alone, a buffer of
the session or given to \`run\`; in a model \`session.setParameter('layers.0.parameters.slope', values)\`, once before the first call and
again whenever it changes. The generated module has their names and shapes as types.

## Limits

An expression has at most ${expressionLimits.characters} characters, ${expressionLimits.parts} parts and ${expressionLimits.depth} levels of nesting; with
its functions written out, ${expressionLimits.inlined} parts and ${expressionLimits.nesting} levels.
`;
}

const banner = '<!-- @generated by `npm run generate` from src/compiler/expression: do not edit. -->';

const operandWords: Readonly<Record<FunctionRule['rule'], string>> = {
  real: 'floats',
  same: 'integers or floats',
  choice: 'a condition, and two values of one type',
  head: 'a query head',
};

function resultWords({ result, rule }: FunctionRule): string {
  if (result !== undefined) return result === 'i32' ? 'integer' : 'float';
  return rule === 'real' ? 'float' : 'as the operands';
}
