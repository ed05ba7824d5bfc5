import type { AttnModule } from '../ir/nodes.ts';
import type { KernelPlan } from './kernel-plan.ts';
import type { PlannedDispatch } from './planned.ts';

/** How a kernel takes the tensor at a binding that it can take as f16: as a new plan. */
interface Handed {
  readonly access: 'read' | 'write';
  readonly asHalves: KernelPlan;
}

/**
 * Activations that all their readers round to f16 are stored as f16, which gives the same results from half the bytes. All that the
 * dispatches do with a tensor has to agree; what they are given, or leave to the app, stays as it is.
 */
export function handOnHalves(
  { tensors }: Pick<AttnModule, 'tensors'>,
  dispatches: readonly PlannedDispatch[],
): readonly PlannedDispatch[] {
  const uses = dispatches.flatMap(({ plan, bind }) =>
    Object.entries(bind).map(([binding, tensor]) => ({ tensor, handed: handedAt(plan, binding) })),
  );
  const having = (access: Handed['access'] | undefined) =>
    new Set(uses.flatMap(({ tensor, handed }) => (handed?.access === access ? [tensor] : [])));
  const [refused, areRead, areWritten] = [having(undefined), having('read'), having('write')];
  const isHalf = (name: string) => {
    const tensor = tensors.get(name);
    const isActivation = tensor?.role === 'activation' && tensor.dtype === 'f32';
    return isActivation && areRead.has(name) && areWritten.has(name) && !refused.has(name);
  };
  return dispatches.map((dispatch) => {
    const halves = Object.entries(dispatch.bind).filter(([, tensor]) => isHalf(tensor));
    if (halves.length === 0) return dispatch;
    const plan = halves.reduce((changed, [binding]) => handedAt(changed, binding)?.asHalves ?? changed, dispatch.plan);
    return { ...dispatch, plan, halves: halves.map(([, tensor]) => tensor) };
  });
}

/** Undefined for kernels that need f32 there. Readers are those that round what they read. */
function handedAt(plan: KernelPlan, binding: string): Handed | undefined {
  switch (plan.stage) {
    case 'norm':
      return binding === 'y' && !plan.accumulate ? written({ ...plan, y: 'f16' }) : undefined;
    case 'query_heads':
      return binding === 'y' ? written({ ...plan, y: 'f16' }) : undefined;
    case 'rotate_heads':
    case 'append':
    case 'append_quads':
      return binding === 'y' ? written({ ...plan, y: 'f16' }) : undefined;
    case 'linear_matrix':
      if (binding === 'x') return read({ ...plan, x: 'f16' });
      // Sums are written as matrices of f32.
      return binding === 'y' && !plan.accumulate && !plan.writesMatrices ? written({ ...plan, y: 'f16' }) : undefined;
    case 'latent_matrix':
      if (binding === 'z') return read({ ...plan, x: 'f16' });
      return binding === 'y' ? written({ ...plan, y: 'f16' }) : undefined;
    case 'attention_latent':
      if (binding === 'q') return read({ ...plan, queries: 'f16' });
      return binding === 'out' ? written({ ...plan, out: 'f16' }) : undefined;
    case 'attention_matrix':
      if (binding === 'q') return read({ ...plan, queries: 'f16' });
      return binding === 'out' ? written({ ...plan, out: 'f16' }) : undefined;
    case 'attention_combine':
    case 'attention_join':
      return binding === 'out' ? written({ ...plan, out: 'f16' }) : undefined;
    default:
      return undefined;
  }
}

const read = (asHalves: KernelPlan): Handed => ({ access: 'read', asHalves });
const written = (asHalves: KernelPlan): Handed => ({ access: 'write', asHalves });
