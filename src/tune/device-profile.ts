import { allProfiles } from '../compiler/compile.ts';
import { defaultLimits, profiles, type TargetLimits, type TargetProfile } from '../compiler/plan/profiles/profiles.ts';
import { type VariantHost, variantObstacle } from '../runtime/abi1/device.ts';

/** What keeps a program for the profile from running on an adapter or device. */
export const obstacleTo = ({ limits, ...profile }: TargetProfile, host: VariantHost): Error | undefined =>
  variantObstacle({ ...profile, limits: { ...limits } }, host);

/** All that kernels can make use of on a device of this adapter: its features, its limits, its subgroups. */
export function profileOfDevice(adapter: GPUAdapter, device: GPUDevice, id: string, doc: string): TargetProfile {
  const used = new Set(allProfiles.flatMap(({ features }) => features));
  const { subgroupMinSize, subgroupMaxSize } = adapter.info;
  const hasOneSize = device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize;
  const names = Object.keys(defaultLimits) as (keyof TargetLimits)[];
  return {
    id,
    doc,
    features: [...used].filter((feature) => device.features.has(feature)),
    limits: { ...defaultLimits, ...Object.fromEntries(names.map((name) => [name, device.limits[name]])) },
    ...(hasOneSize && { subgroupSize: subgroupMaxSize }),
    ...(obstacleTo(profiles.matrix, adapter) === undefined && { subgroupMatrix: true }),
  };
}
