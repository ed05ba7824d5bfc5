import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import type { LayerKind } from '../kinds/layer-kind.ts';
import type { KindReports } from '../kinds/reports.ts';
import type { AttentionShape, ValueResidualShape } from '../shaped-spec.ts';

/** Later layers mix in the values of the first: SCH004 where there are none. */
export function resolveValueResidual(spec: BoundSpec, report: Report): ValueResidualShape | undefined {
  if (!spec.isWritten('attention.value_residual') || spec.isInvalid('attention.value_residual')) return undefined;
  const layers = spec.at('model.layers')?.value;
  const isAlone = !spec.isWritten('model') && !spec.isInvalid('model');
  if (isAlone || layers === 1) {
    const reason = isAlone ? 'there is no `model` whose layers would share values' : 'the model has one layer';
    const args = { option: 'attention.value_residual', reason, help: 'delete `value_residual`' };
    report('SCH004', spec.keySpan('attention.value_residual'), args);
    return undefined;
  }
  const mix = spec.at('attention.value_residual.mix')?.value;
  return mix === undefined ? undefined : Object.freeze({ mix });
}

/** The values of a layer and the first layer's are mixed entry by entry: SCH004 for kinds whose values have another shape. */
export function checkFirstValues(
  kinds: readonly { readonly kind: LayerKind; readonly attention: AttentionShape }[],
  reports: KindReports,
): void {
  const first = kinds.find(({ kind }) => kind.layers[0] === 0)?.attention;
  if (first === undefined) return;
  for (const { kind, attention } of kinds) {
    const isAlike = attention.heads.kvHeads === first.heads.kvHeads && attention.valueDim === first.valueDim;
    if (attention.valueResidual === undefined || isAlike) continue;
    const reason = `the first layer's values are ${valuesText(first)}, those of these layers ${valuesText(attention)}`;
    const help = 'give them equal `kv_heads` and `value_dim`, or write `value_residual: none` for these layers';
    const place = kind.spec.keySpan('attention.value_residual');
    reports.of(kind)('SCH004', place, { option: 'attention.value_residual', reason, help });
  }
}

function valuesText({ heads, valueDim }: AttentionShape): string {
  return `${heads.kvHeads} × ${valueDim}`;
}
