import type { Node } from '../ir/nodes.ts';
import type { KernelPlan, Stage } from '../plan/kernel-plan.ts';
import type { PlannedDispatch } from '../plan/planned.ts';

/** Options that a kernel's needs grow with, the strongest first: their workgroup memory, and their grid. */
interface Culprits {
  readonly memory: readonly string[];
  readonly grid: readonly string[];
}

const heads = ['attention.q_heads', 'attention.head_dim'];
const ofStage: Readonly<Partial<Record<Stage, Culprits>>> = {
  query_heads: { memory: ['attention.head_dim', 'attention.value_dim'], grid: heads },
  rotate_heads: { memory: [], grid: heads },
  memory_keys: { memory: ['attention.head_dim'], grid: ['attention.memory_kv.slots', 'attention.memory_kv'] },
  append: { memory: ['attention.head_dim'], grid: ['attention.kv_heads'] },
  append_quads: { memory: [], grid: ['attention.kv_heads'] },
  embed: { memory: [], grid: ['model.hidden'] },
  latent_heads: { memory: [], grid: ['attention.q_heads', 'attention.mla.nope_dim'] },
  latent_queries: { memory: ['attention.mla.nope_dim'], grid: heads },
  latent_values: { memory: ['attention.mla.kv_rank'], grid: heads },
  route: { memory: ['mlp.experts.count'], grid: [] },
  sample: { memory: [], grid: ['model.vocab'] },
  attention_values: { memory: [], grid: ['attention.value_dim', ...heads] },
  gate_heads: { memory: [], grid: ['attention.value_dim', ...heads] },
};

const ofNode: Readonly<Partial<Record<Node['op'], readonly string[]>>> = {
  attention: heads,
  linear: ['mlp.width', 'model.hidden', 'attention.hidden'],
  experts_up: ['mlp.experts.active', 'mlp.experts.width', 'mlp.width'],
  experts_down: ['model.hidden'],
  norm: ['model.hidden'],
};

export function memoryCulprits({ plan, node }: PlannedDispatch): readonly string[] {
  return ofStage[plan.stage]?.memory ?? byNode(node);
}

export function gridCulprits({ plan, node }: PlannedDispatch): readonly string[] {
  return vocabOf(plan) ?? ofStage[plan.stage]?.grid ?? byNode(node);
}

/** Options that give a kernel a buffer of its own, by what it is bound as. */
const ofBinding: Readonly<Record<string, string>> = {
  key_mask: 'attention.mask.padding',
  documents: 'attention.mask.documents',
  bias: 'attention.bias',
  t5_table: 'attention.t5_bias',
  sinks: 'attention.sinks',
  kept_scores: 'attention.hooks.names',
  active_heads: 'attention.heads.active',
  head_order: 'attention.heads.active',
  memory_k: 'attention.memory_kv',
  page_table: 'attention.cache.kind',
  norm_weight_2: 'attention.qk_norm',
  norm_bias: 'attention.qk_norm.bias',
};

/** Of what can be left out, the last binding first. */
export function bufferCulprits({ bind, node }: PlannedDispatch): readonly string[] {
  if (node?.op !== 'attention' && node?.op !== 'append') return [];
  const options = Object.keys(bind).map((name) =>
    name.startsWith('parameter_') ? 'attention.parameters' : ofBinding[name],
  );
  return [...new Set(options.filter((option) => option !== undefined))].reverse();
}

/** The head of a model has a row for each token of the vocabulary. */
function vocabOf(plan: KernelPlan): readonly string[] | undefined {
  return 'logits' in plan && plan.logits ? ['model.vocab'] : undefined;
}

function byNode(node: Node | undefined): readonly string[] {
  return node === undefined ? [] : (ofNode[node.op] ?? []);
}
