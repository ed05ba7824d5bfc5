import type { Extent } from '../../../runtime/abi1/definition.ts';
import type { LinearNode, NormNode } from '../../ir/nodes.ts';
import { dispatch, type MatrixStorageOf, rowsOf } from '../dispatch.ts';
import { ceilDiv, times } from '../extents.ts';
import { weightOfNorm } from '../fused-norms.ts';
import type { Fusions } from '../fusions.ts';
import type { MatrixStorage } from '../plan-base.ts';
import type { NodePlan, PlannedDispatch } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import type { LinearMatrixPlan, LinearRowPlan, LinearTilePlan } from './kernel-plan.ts';
import { planLinearMatrix, planLinearTile } from './plans.ts';
import { madeBy, planProductHeads, type StoredHeads } from './product-heads.ts';
import { planLinearRow } from './row-plans.ts';

/** Logits are wanted of few rows, mostly one: they take the one-row kernel always. */
export function planLinear(
  node: LinearNode,
  storageOf: MatrixStorageOf,
  profile: TargetProfile,
  { norms, products, productHeads }: Fusions,
): NodePlan {
  const byRow = (count: Extent) => [
    planRows(
      { node, also: products.with(node), norm: norms.of(node), heads: productHeads.of(node) },
      storageOf,
      profile,
      count,
    ),
  ];
  if (node.logits) return { prefill: byRow('L') };
  return {
    ...planTiles(node, storageOf(node.weight), profile),
    decode: products.isJoined(node) ? [] : byRow(rowsOf(node)),
  };
}

const bindingsOf = ({ x, weight, bias, gate, out }: LinearNode) => ({
  x,
  weight,
  bias,
  gate: gate?.weight,
  gate_bias: gate?.bias,
  y: out,
});

/** Workgroups that keep a large device busy. */
const enoughWorkgroups = 128;

/** Many rows. Where large tiles of matrices are too few, small ones are taken instead: one of the two grids is empty. */
function planTiles(
  node: LinearNode,
  storage: MatrixStorage,
  profile: TargetProfile,
): Pick<NodePlan, 'prefill' | 'rejected'> {
  const matrices = planLinearMatrix(node, storage, profile);
  if (matrices === undefined || 'reason' in matrices) {
    return {
      prefill: [tileDispatch(node, planLinearTile(node, storage), 1)],
      rejected: matrices === undefined ? [] : [{ variant: 'matrix', reason: matrices.reason }],
    };
  }
  const { large, small } = matrices;
  const columns = Math.ceil(node.outWidth / large.tileColumns);
  const tooFew = Math.ceil(enoughWorkgroups / columns) - 1;
  if (tooFew === 0) return { prefill: [tileDispatch(node, large, 1)] };
  const isLarge: Extent = ['min', 1, ['less', ceilDiv(rowsOf(node), large.tileRows), tooFew]];
  return { prefill: [tileDispatch(node, large, isLarge), tileDispatch(node, small, ['less', 1, isLarge])] };
}

/**
 * Workgroups side by side share their columns, so that weights are read from memory once.
 * @param share 1, or 0 in calls that another kernel serves
 */
function tileDispatch(node: LinearNode, plan: LinearTilePlan | LinearMatrixPlan, share: Extent): PlannedDispatch {
  const { inputHeads, tileColumns, tileRows } = plan;
  const columns = ceilDiv(node.outWidth / inputHeads, tileColumns);
  const rows = ceilDiv(rowsOf(node), tileRows);
  return dispatch(node, plan, bindingsOf(node), [times(share, rows), columns, inputHeads]);
}

/** What a kernel of one row computes: a product, others of the same x, and the norm before them. */
interface RowProducts {
  readonly node: LinearNode;
  readonly also: readonly LinearNode[];
  readonly norm: NormNode | undefined;
  readonly heads: StoredHeads | undefined;
}

function planRows(
  { node, also, norm, heads }: RowProducts,
  storageOf: MatrixStorageOf,
  profile: TargetProfile,
  count: Extent,
): PlannedDispatch {
  const plan = planLinearRow(node, storageOf(node.weight), profile, {
    also: also.map(({ outWidth, weight, bias }) => ({
      outWidth,
      weight: storageOf(weight),
      bias: bias !== undefined,
    })),
    ...(norm && { norm: { eps: norm.eps, weight: weightOfNorm(norm) } }),
    ...(heads && { heads: planProductHeads([node, ...also], heads) }),
  });
  const others = also.map((product, index) => productBindings(product, `_${index + 2}`, heads));
  const bind = {
    ...bindingsOf(node),
    y: undefined,
    ...productBindings(node, '', heads),
    ...Object.assign({}, ...others),
    ...(norm && { x: norm.x, norm_weight: norm.weight }),
    ...(heads && { rotations: heads.append.rotation?.table, page_table: heads.append.pages }),
  };
  return {
    ...dispatch(node, plan, bind, [rowWorkgroups(plan), count, 1]),
    ...nodesOfRow({ node, also, norm, heads }),
  };
}

/** Of what a product has for itself. */
const productBindings = (product: LinearNode, suffix: string, heads: StoredHeads | undefined) => ({
  [`weight${suffix}`]: product.weight,
  [`bias${suffix}`]: product.bias,
  ...resultBinding(product, suffix, heads),
});

function resultBinding(product: LinearNode, suffix: string, heads: StoredHeads | undefined) {
  const made = heads === undefined ? 'rows' : madeBy(product, heads);
  if (made === 'keys') return { k_cache: heads?.append.kCache };
  if (made === 'values') return { v_cache: heads?.append.vCache };
  return { [`y${suffix}`]: made === 'queries' ? heads?.queries?.out : product.out };
}

/** Products whose heads are stored elsewhere are computed on the way. */
function nodesOfRow({ node, also, norm, heads }: RowProducts): Pick<PlannedDispatch, 'node' | 'also' | 'prologue'> {
  const before = norm === undefined ? [] : [norm];
  if (heads === undefined) return { ...(also.length > 0 && { also }), ...(norm && { prologue: before }) };
  const { append, queries } = heads;
  const isRow = (product: LinearNode) => madeBy(product, heads) === 'rows';
  const products = [node, ...also];
  return {
    node: append,
    also: [...(queries ? [queries] : []), ...products.filter(isRow)],
    prologue: [...before, ...products.filter((product) => !isRow(product))],
  };
}

const rowWorkgroups = ({ outWidth, outputs, also }: LinearRowPlan): number =>
  [{ outWidth }, ...also].reduce((sum, product) => sum + Math.ceil(product.outWidth / outputs), 0);
