import type { Report } from '../../diagnostics/report.ts';
import type { BoundSpec } from '../bind.ts';
import { mlpBiases } from '../infer/mlp-biases.ts';
import type { ExpertGroups, ExpertsShape } from '../shaped-spec.ts';

const at = 'mlp.experts';

/** Reports OPT001 (biases of an MLP that there is not), MOE001 (more chosen than there are), MOE002 (groups that do not fit), SCH004 and OPT002. */
export function resolveExperts(spec: BoundSpec, report: Report): ExpertsShape | undefined {
  if (!spec.isWritten(at) || spec.isInvalid(at)) return undefined;
  const count = spec.at(`${at}.count`)?.value;
  const active = spec.at(`${at}.active`);
  const width = spec.at(`${at}.width`)?.value ?? spec.at('mlp.width')?.value;
  const scoring = spec.at(`${at}.scoring`)?.value;
  const routedScale = spec.at(`${at}.routed_scale`)?.value;
  const biases = spec.at(`${at}.biases`)?.value;
  reportUnreadBiases(spec, report);
  if (scoring === 'topk_softmax') refuseWithTopk(spec, report);
  if (spec.at('mlp.kind')?.value === 'plain' && biases?.includes('gate')) {
    const help = 'delete `gate`, or write `kind: gated`';
    const option = `${at}.biases: gate`;
    report('SCH004', spec.keySpan(`${at}.biases`), { option, reason: 'plain experts have no gate', help });
  }
  if (count === undefined || active === undefined) return undefined;
  if (active.value > count) {
    report('MOE001', active.span, { active: active.value, count });
    return undefined;
  }
  const groups = resolveGroups(spec, { count, active: active.value }, report);
  if (spec.isWritten(`${at}.groups`) && groups === undefined) return undefined;
  if (width === undefined || scoring === undefined || routedScale === undefined || biases === undefined)
    return undefined;
  const shared = resolveShared(spec);
  return Object.freeze({
    count,
    active: active.value,
    width,
    scoring,
    normalized: spec.at(`${at}.normalized`)?.value ?? true,
    routedScale,
    routerBias: spec.at(`${at}.router_bias`)?.value === true,
    correctionBias: spec.at(`${at}.correction_bias`)?.value === true,
    ...(groups === undefined ? {} : { groups }),
    biases: mlpBiases(biases),
    ...(shared === undefined ? {} : { shared }),
  });
}

function reportUnreadBiases(spec: BoundSpec, report: Report): void {
  if ((spec.at('mlp.biases')?.value.length ?? 0) === 0) return;
  const reason = 'experts stand in place of the one MLP';
  const help = 'write `experts.biases`, or delete `biases`';
  report('OPT001', spec.keySpan('mlp.biases'), { option: 'mlp.biases', reason, help });
}

/** Its weights are made from logits, which have no zero to fall back on and no sum to be divided by. */
function refuseWithTopk(spec: BoundSpec, report: Report): void {
  const reason = '`topk_softmax` chooses by the logits';
  const refuse = (name: 'groups' | 'correction_bias') => {
    const help = `delete \`${name}\`, or correct \`scoring\``;
    report('SCH004', spec.keySpan(`${at}.${name}`), { option: `${at}.${name}`, reason, help });
  };
  if (spec.isWritten(`${at}.groups`)) refuse('groups');
  if (spec.at(`${at}.correction_bias`)?.value === true) refuse('correction_bias');
  const normalized = spec.at(`${at}.normalized`);
  if (normalized?.origin !== 'written') return;
  const because = 'a softmax over the chosen experts sums to 1';
  report('OPT002', spec.keySpan(`${at}.normalized`), { option: `${at}.normalized`, reason: because });
}

function resolveGroups(
  spec: BoundSpec,
  experts: { readonly count: number; readonly active: number },
  report: Report,
): ExpertGroups | undefined {
  const count = spec.at(`${at}.groups.count`);
  const active = spec.at(`${at}.groups.active`);
  const top = spec.at(`${at}.groups.top`);
  if (count === undefined || active === undefined || top === undefined) return undefined;
  const size = experts.count / count.value;
  const problem = (text: string, span = count.span): undefined => {
    report('MOE002', span, { problem: text });
    return undefined;
  };
  if (!Number.isInteger(size)) return problem(`${count.value} groups do not divide ${experts.count} experts`);
  if (active.value > count.value)
    return problem(`${active.value} groups are to be chosen, there are ${count.value}`, active.span);
  if (top.value > size) return problem(`the best ${top.value} of a group count, it has ${size}`, top.span);
  if (active.value * size < experts.active)
    return problem(`${active.value} groups of ${size} have fewer experts than the ${experts.active} that are chosen`);
  return Object.freeze({ count: count.value, active: active.value, top: top.value });
}

function resolveShared(spec: BoundSpec): ExpertsShape['shared'] {
  const width = spec.at(`${at}.shared.width`)?.value;
  const gate = spec.at(`${at}.shared.gate`)?.value;
  return width === undefined || gate === undefined ? undefined : Object.freeze({ width, gate });
}
