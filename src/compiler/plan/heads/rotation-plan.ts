import type { Rotation } from '../../ir/nodes.ts';
import type { RotationPlan } from './kernel-plan.ts';

export const rotationPlan = (rotation: Rotation | undefined): { readonly rotation?: RotationPlan } =>
  rotation === undefined
    ? {}
    : {
        rotation: {
          dim: rotation.dim,
          pairing: rotation.pairing,
          firstHead: rotation.firstHead,
          firstEntry: rotation.firstEntry ?? 0,
        },
      };
