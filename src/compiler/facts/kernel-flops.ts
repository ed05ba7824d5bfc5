import type { AttentionNode } from '../ir/nodes.ts';
import type { AttentionOptions } from '../plan/attention/kernel-plan.ts';
import { type Call, extentAt } from '../plan/extents.ts';
import type { KernelPlan, Stage } from '../plan/kernel-plan.ts';
import type { LinearRowPlan } from '../plan/linear/kernel-plan.ts';
import type { PlannedDispatch } from '../plan/planned.ts';
import type { Arithmetic } from './devices.ts';
import { visiblePairs } from './visible-keys.ts';

const matrixStages: ReadonlySet<Stage> = new Set([
  'attention_matrix',
  'attention_latent',
  'latent_matrix',
  'linear_matrix',
]);

/** What the products of a kernel are computed with. */
export function arithmeticOf(plan: KernelPlan): Arithmetic {
  if (matrixStages.has(plan.stage)) return 'matrix';
  return plan.stage === 'attention_tile' ? plan.products : 'f32';
}

/** Works on what an earlier kernel has marked, which is mostly nothing. */
export const redoesMarked = (plan: KernelPlan): boolean =>
  (plan.stage === 'attention_matrix' && plan.reference === 'maximum') ||
  ((plan.stage === 'attention_tile' || plan.stage === 'attention_latent') && plan.marks === 'read');

/** A call leaves it out. */
export const isIdle = ({ grid }: PlannedDispatch, call: Call): boolean =>
  grid.some((extent) => extentAt(extent, call) === 0);

/**
 * Operations of the products in one dispatch, a multiplication and an addition counted as two, pairs that a mask hides left
 * out. What is done entry by entry counts as none: it takes less time than its bytes.
 */
export function flopsOf(dispatch: PlannedDispatch, call: Call): number {
  if (isIdle(dispatch, call)) return 0;
  const { plan, node } = dispatch;
  const rows = call.B * (node?.rows === 'context' ? call.X : call.I);
  switch (plan.stage) {
    case 'linear_tile':
    case 'linear_matrix':
      return 2 * rows * plan.inWidth * plan.outWidth * matricesOf(plan);
    case 'linear_row':
      return 2 * (plan.logits ? call.L : rows) * plan.inWidth * columnsOf(plan) * matricesOf(plan);
    case 'experts_up':
      return 2 * rows * plan.active * plan.inWidth * plan.outWidth * matricesOf(plan);
    case 'experts_down':
      return 2 * rows * plan.active * plan.inWidth * plan.outWidth;
    case 'attention_matrix':
    case 'attention_latent':
    case 'attention_tile':
      return redoesMarked(plan) ? 0 : fusedFlops(plan, node, call);
    case 'attention_split':
    case 'attention_split_subgroups':
      return fusedFlops(plan, node, call);
    case 'attention_scores':
      return 2 * allPairs(plan, node, call) * plan.headDim;
    case 'attention_values':
      return 2 * allPairs(plan, node, call) * plan.valueDim;
    case 'head_mix':
      return 2 * plan.heads ** 2 * call.B * call.I * (plan.prefixColumns + keysOf(node, call));
    case 'latent_matrix':
      return 2 * rows * plan.heads * (plan.product === 'queries' ? plan.ownDim : plan.valueDim) * plan.rank;
    case 'latent_queries':
      return 2 * rows * plan.heads * plan.ownDim * plan.rank;
    case 'latent_values':
      return 2 * rows * plan.heads * plan.valueDim * plan.rank;
    case 'head_results':
      return 2 * rows * plan.heads * plan.valueDim * plan.width;
    case 'embed':
    case 'norm':
    case 'route':
    case 'latent_heads':
    case 'query_heads':
    case 'rotate_heads':
    case 'memory_keys':
    case 'append':
    case 'append_quads':
    case 'mix_values':
    case 'gate_heads':
    case 'head_inputs':
    case 'head_order':
    case 'attention_combine':
    case 'attention_join':
    case 'attention_softmax':
    case 'logit_maxima':
    case 'sample':
      return 0;
  }
}

/** Of the product and of those that are joined to it. */
const columnsOf = ({ outWidth, also }: LinearRowPlan): number =>
  also.reduce((sum, product) => sum + product.outWidth, outWidth);

const matricesOf = ({ gate }: { readonly gate: 'none' | 'plain' | 'biased' }) => (gate === 'none' ? 1 : 2);

const isAttention = (node: PlannedDispatch['node']): node is AttentionNode => node?.op === 'attention';
const keysOf = (node: PlannedDispatch['node'], call: Call) => (isAttention(node) && node.cross ? call.X : call.J);
/** A mask that is given at run time may leave all heads. */
const headsOf = ({ active, heads }: AttentionOptions) =>
  active === undefined || active === 'runtime' ? heads.qHeads : active.length;

function fusedFlops(plan: AttentionOptions, node: PlannedDispatch['node'], call: Call): number {
  if (!isAttention(node)) return 0;
  const pairs = visiblePairs(node, { tokens: call.I, keys: keysOf(node, call) });
  return 2 * call.B * headsOf(plan) * pairs * (plan.headDim + plan.valueDim);
}

/** Separate steps know no tiles to skip. */
function allPairs(plan: AttentionOptions, node: PlannedDispatch['node'], call: Call): number {
  const columns = plan.columns.zero + plan.columns.memory + keysOf(node, call);
  return call.B * headsOf(plan) * call.I * columns;
}
