import type { NodeActivation } from '../ir/nodes.ts';
import type { AttentionOptions } from './attention/kernel-plan.ts';
import type { KernelPlan } from './kernel-plan.ts';
import type { HandedStorage } from './plan-base.ts';

/** A readable name of a plan. Different plans may share one: `uniqueNames` tells them apart. */
export function kernelName(plan: KernelPlan): string {
  switch (plan.stage) {
    case 'embed':
      return joined('embed', plan.width, plan.positions && 'positions', plan.types && 'types');
    case 'norm':
      return joined(
        'norm',
        plan.kind,
        plan.heads && `${plan.heads}x`,
        plan.width,
        plan.accumulate && 'add',
        halves(plan.y),
      );
    case 'linear_tile':
    case 'linear_matrix':
    case 'linear_row':
      return joined(
        plan.stage,
        `${plan.inWidth}x${plan.outWidth}`,
        ...(plan.stage === 'linear_row' ? plan.also.map(({ outWidth }) => outWidth) : []),
        plan.stage === 'linear_row' && plan.norm && 'normed',
        plan.stage === 'linear_row' && plan.heads && 'heads',
        plan.stage === 'linear_matrix' && plan.x === 'f16' && 'of_f16',
        plan.inputHeads > 1 && `split${plan.inputHeads}`,
        plan.gate !== 'none' && 'gated',
        plan.activation !== 'none' && activationName(plan.activation),
        plan.bias && 'bias',
        plan.clip !== undefined && 'clip',
        plan.scale !== undefined && 'scaled',
        plan.softcap !== undefined && 'cap',
        plan.accumulate && 'add',
        plan.logits && 'logits',
        plan.stage === 'linear_matrix' && halves(plan.y),
        plan.stage === 'linear_matrix' && `tiles${plan.tileRows}x${plan.tileColumns}`,
      );
    case 'route':
      return joined('route', `${plan.active}of${plan.experts}`, plan.scoring, plan.groups && `g${plan.groups.count}`);
    case 'experts_up':
      return joined('experts_up', `${plan.inWidth}x${plan.outWidth}`, activationName(plan.activation));
    case 'experts_down':
      return joined('experts_down', `${plan.inWidth}x${plan.outWidth}`, plan.accumulate && 'add');
    case 'latent_heads':
      return joined('latent_heads', `${plan.heads}x${plan.ownDim}`, plan.sharedDim, plan.valueDim);
    case 'latent_matrix':
      return joined(
        plan.stage,
        plan.product,
        `${plan.heads}x${plan.ownDim}`,
        plan.rank,
        plan.x === 'f16' && 'of_f16',
        halves(plan.y),
      );
    case 'latent_queries':
    case 'latent_values':
      return joined(plan.stage, `${plan.heads}x${plan.ownDim}`, plan.rank, plan.tokens > 1 && 'rows');
    case 'query_heads':
    case 'rotate_heads':
      return joined(plan.stage, `${plan.heads}x${plan.headDim}`, halves(plan.y));
    case 'memory_keys':
      return joined('memory_keys', `${plan.slots}x${plan.headDim}`);
    case 'mix_values':
      return joined('mix_values', `${plan.kvHeads}x${plan.valueDim}`);
    case 'gate_heads':
      return joined('gate_heads', `${plan.heads}x${plan.valueDim}`);
    case 'head_order':
      return joined('head_order', `${plan.heads.qHeads}x${plan.heads.kvHeads}`);
    case 'head_inputs':
      return joined('head_inputs', `${plan.heads}x${plan.width}`);
    case 'head_results':
      return joined('head_results', `${plan.heads}x${plan.valueDim}`, plan.width);
    case 'head_mix':
      return joined('head_mix', plan.mode, plan.heads);
    case 'append':
    case 'append_quads':
      return joined(
        plan.stage,
        `${plan.kvHeads}x${plan.headDim}`,
        plan.cacheLayout?.kind,
        plan.queryHeads && `queries${plan.queryHeads}`,
        halves(plan.y),
      );
    case 'attention_matrix':
      return joined(
        plan.stage,
        plan.reference === 'maximum' && 'maximum',
        plan.fewRows && 'few',
        ...attentionKey(plan),
      );
    case 'attention_tile':
      return joined(plan.stage, plan.marks === 'read' && 'exact', ...attentionKey(plan));
    case 'attention_latent':
      return joined(
        plan.stage,
        plan.leaves === 'parts' && plan.leaves,
        plan.marks === 'read' && 'exact',
        // Latent rows are of one KV head.
        ...attentionKey(plan).filter((part) => part !== 'kv1'),
      );
    case 'attention_split_subgroups':
      return joined(plan.stage, plan.fewTokens && 'few', ...attentionKey(plan));
    case 'attention_split':
    case 'attention_scores':
    case 'attention_softmax':
    case 'attention_values':
      return joined(plan.stage, ...attentionKey(plan));
    case 'attention_combine':
      return joined('attention_combine', `${plan.qHeads}x${plan.valueDim}`, plan.active && 'active');
    case 'attention_join':
      return joined('attention_join', `${plan.qHeads}x${plan.valueDim}`);
    case 'logit_maxima':
    case 'sample':
      return joined(plan.stage, plan.vocab);
  }
}

const halves = (storage: HandedStorage) => storage === 'f16' && 'to_f16';

const activationName = (activation: NodeActivation) => (typeof activation === 'object' ? activation.kind : activation);

function attentionKey({ heads, headDim, valueDim, columns, mask, ...options }: AttentionOptions) {
  return [
    `h${heads.qHeads}`,
    `kv${heads.kvHeads}`,
    `d${headDim}`,
    valueDim !== headDim && `dv${valueDim}`,
    options.active && 'active',
    options.cacheLayout?.kind,
    columns.zero > 0 && 'zero',
    columns.memory > 0 && `m${columns.memory}`,
    mask.causal && 'causal',
    mask.window !== undefined && `w${mask.window}`,
    mask.chunk !== undefined && `c${mask.chunk}`,
    mask.prefix !== undefined && 'prefix',
    mask.documents && 'documents',
    mask.where && 'where',
    mask.padding !== 'none' && 'padded',
    options.similarity === 'l2' && 'l2',
    options.softcap && 'cap',
    options.bias && 'bias',
    options.alibiSlopes && 'alibi',
    options.t5 && 't5',
    options.score && 'score',
    options.sinks && 'sinks',
  ];
}

const joined = (...parts: readonly (string | number | object | boolean | undefined)[]) =>
  parts.filter((part) => typeof part === 'string' || typeof part === 'number').join('_');

/** Names for plans, by plan: equal plans share one, different plans never do. The first of a name keeps it bare. */
export function uniqueNames(plans: readonly KernelPlan[]): (plan: KernelPlan) => string {
  const names = new Map<string, string>();
  const nameOf = new Map<KernelPlan, string>();
  const taken = new Map<string, number>();
  for (const plan of plans) {
    const key = JSON.stringify(plan);
    const name = names.get(key) ?? unique(kernelName(plan), taken);
    names.set(key, name);
    nameOf.set(plan, name);
  }
  return (plan) => nameOf.get(plan) ?? names.get(JSON.stringify(plan)) ?? kernelName(plan);
}

function unique(name: string, taken: Map<string, number>): string {
  const count = (taken.get(name) ?? 0) + 1;
  taken.set(name, count);
  return count === 1 ? name : `${name}_v${count}`;
}
