import type { AttentionOptions, KernelPlan } from './kernel-plan.ts';

/** A readable name of a plan. Different plans may share one: `uniqueNames` tells them apart. */
export function kernelName(plan: KernelPlan): string {
  switch (plan.stage) {
    case 'embed':
      return joined('embed', plan.hidden, plan.positions && 'positions');
    case 'norm':
      return joined('norm', plan.kind, plan.width);
    case 'linear_tile':
    case 'linear_row':
      return joined(
        plan.stage,
        `${plan.inWidth}x${plan.outWidth}`,
        plan.gate !== 'none' && 'gated',
        plan.activation !== 'none' && plan.activation,
        plan.bias && 'bias',
        plan.accumulate && 'add',
        plan.rows === 'logits' && 'logits',
      );
    case 'query_heads':
      return joined('query_heads', `${plan.heads}x${plan.headDim}`);
    case 'append':
      return joined('append', `${plan.kvHeads}x${plan.headDim}`);
    case 'attention_tile':
    case 'attention_split':
      return joined(plan.stage, ...attentionKey(plan));
    case 'attention_combine':
      return joined('attention_combine', `${plan.qHeads}x${plan.valueDim}`);
    case 'sample':
      return joined('sample', plan.vocab);
  }
}

function attentionKey({ heads, headDim, valueDim, columns, causal }: AttentionOptions) {
  return [
    `h${heads.qHeads}`,
    `kv${heads.kvHeads}`,
    `d${headDim}`,
    valueDim !== headDim && `dv${valueDim}`,
    columns.memory > 0 && `m${columns.memory}`,
    causal && 'causal',
  ];
}

const joined = (...parts: readonly (string | number | false | undefined)[]) =>
  parts.filter((part) => part !== false && part !== undefined).join('_');

/** Names for plans, by plan: equal plans share one, different plans never do. The first of a name keeps it bare. */
export function uniqueNames(plans: readonly KernelPlan[]): (plan: KernelPlan) => string {
  const names = new Map<string, string>();
  const taken = new Map<string, number>();
  for (const plan of plans) {
    const key = JSON.stringify(plan);
    if (names.has(key)) continue;
    const name = kernelName(plan);
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    names.set(key, count === 1 ? name : `${name}_v${count}`);
  }
  return (plan) => names.get(JSON.stringify(plan)) ?? kernelName(plan);
}
