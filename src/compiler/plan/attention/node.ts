import type { AttentionNode } from '../../ir/nodes.ts';
import { keyStorage, rowStorage, type StorageOf } from '../dispatch.ts';
import type { NodePlan, Rejection } from '../planned.ts';
import type { TargetProfile } from '../profiles/profiles.ts';
import type { Attempt, Form } from './form.ts';
import type { AttentionLatentPlan } from './kernel-plan.ts';
import { latentForm } from './latent-form.ts';
import { matrixForm } from './matrix-form.ts';
import { attentionOptions } from './options.ts';
import { splitForm, splitSubgroupsForm } from './split-form.ts';
import { stepsForm } from './steps-form.ts';
import { tileForm } from './tile-form.ts';

/** The fused forms where they can serve the node, else separate steps, which always can. */
export function planAttention(node: AttentionNode, storageOf: StorageOf, profile: TargetProfile): NodePlan {
  const options = attentionOptions(node, {
    queries: rowStorage(node.q, storageOf),
    keys: keyStorage(node.keyDtype, node.k, storageOf),
    out: rowStorage(node.out, storageOf),
  });
  const rejected: Rejection[] = [];
  const choose = (forms: Readonly<Record<string, () => Attempt>>): Form => {
    for (const [variant, attempt] of Object.entries(forms)) {
      const form = attempt();
      if ('dispatches' in form) return form;
      rejected.push({ variant, reason: form.reason });
    }
    throw new Error('separate steps serve every node');
  };
  const matrix = () => matrixForm(node, options, profile);
  const latent = (leaves: AttentionLatentPlan['leaves']) => () => latentForm(node, options, profile, leaves);
  const tile = () => tileForm(node, options, profile);
  const steps = () => stepsForm(node, options);
  const splitSubgroups = () => splitSubgroupsForm(node, options, profile);
  const split = () => splitForm(node, options, profile);
  const prefill = choose({
    ...(profile.subgroupMatrix && { matrix, latent: latent('rows') }),
    tile,
    steps,
  });
  const decode = choose({
    ...(profile.subgroupSize !== undefined && { split_subgroups: splitSubgroups }),
    ...(profile.subgroupMatrix && { latent: latent('parts') }),
    split,
    tile,
    steps,
  });
  return {
    prefill: prefill.dispatches,
    decode: decode.dispatches,
    scratch: [...(prefill.scratch ?? []), ...(decode.scratch ?? [])],
    rejected: [...rejected, ...(prefill.rejected ?? [])],
  };
}
