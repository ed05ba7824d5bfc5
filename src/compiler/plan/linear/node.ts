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
import { planLinearRow } from './row-plans.ts';

/** Logits are wanted of few rows, mostly one: they take the one-row kernel always. */
export function planLinear(
  node: LinearNode,
  storageOf: MatrixStorageOf,
  profile: TargetProfile,
  { norms, products }: Fusions,
): NodePlan {
  const byRow = (count: Extent) => [
    planRows({ node, also: products.with(node), norm: norms.of(node) }, storageOf, profile, count),
  ];
  if (node.logits) return { prefill: byRow('L') };
  return {
    prefill: planTiles(node, storageOf(node.weight), profile),
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
function planTiles(node: LinearNode, storage: MatrixStorage, profile: TargetProfile): readonly PlannedDispatch[] {
  const matrices = planLinearMatrix(node, storage, profile);
  if (matrices === undefined) return [tileDispatch(node, planLinearTile(node, storage), 1)];
  const { large, small } = matrices;
  const columns = Math.ceil(node.outWidth / large.tileColumns);
  const tooFew = Math.ceil(enoughWorkgroups / columns) - 1;
  if (tooFew === 0) return [tileDispatch(node, large, 1)];
  const isLarge: Extent = ['min', 1, ['less', ceilDiv(rowsOf(node), large.tileRows), tooFew]];
  return [tileDispatch(node, large, isLarge), tileDispatch(node, small, ['less', 1, isLarge])];
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
}

function planRows(
  { node, also, norm }: RowProducts,
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
  });
  const others = also.flatMap(({ weight, bias, out }, index) =>
    Object.entries({ weight, bias, y: out }).map(([name, tensor]) => [`${name}_${index + 2}`, tensor] as const),
  );
  const bind = {
    ...bindingsOf(node),
    ...Object.fromEntries(others),
    ...(norm && { x: norm.x, norm_weight: norm.weight }),
  };
  return {
    ...dispatch(node, plan, bind, [rowWorkgroups(plan), count, 1]),
    ...(also.length > 0 && { also }),
    ...(norm && { prologue: norm }),
  };
}

const rowWorkgroups = ({ outWidth, outputs, also }: LinearRowPlan): number =>
  [{ outWidth }, ...also].reduce((sum, product) => sum + Math.ceil(product.outWidth / outputs), 0);
