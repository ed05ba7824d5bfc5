import { defaultLimits, type Schedules, type TargetLimits, type TargetProfile } from './profiles.ts';
import { isSameSchedule, scheduleCandidates, scheduledStages } from './schedule-candidates.ts';

/** What a file that describes a device is: a profile, or what is wrong with it, one sentence each. */
export type ReadProfile = { readonly profile: TargetProfile } | { readonly problems: readonly string[] };

const idPattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
const keys = ['id', 'doc', 'features', 'limits', 'subgroupSize', 'subgroupMatrix', 'schedules', 'measured'];

/**
 * Reads `{ "id": "pixel-7", "doc": "…", "features": ["shader-f16"], "limits": { "maxStorageBuffersPerShaderStage": 10 } }`, limits by
 * WebGPU's own names. What is left out is what every WebGPU device has; features that no kernel uses are allowed. `subgroupSize`,
 * `subgroupMatrix` and `schedules` are those of `TargetProfile`; `measured` says where schedules come from, for people only.
 */
export function readProfile(value: unknown): ReadProfile {
  if (!isRecord(value)) return { problems: ['it is not a JSON object'] };
  const { id, doc = '', features = [], limits = {}, subgroupSize, subgroupMatrix = false, schedules = {} } = value;
  const problems = Object.keys(value)
    .filter((key) => !keys.includes(key))
    .map((key) => `\`${clip(key)}\` is not part of a profile: it has ${keys.join(', ')}`);
  if (typeof id !== 'string' || !idPattern.test(id))
    problems.push('`id` is missing, or not a letter with at most 62 letters, digits, `_` or `-` after it');
  if (typeof doc !== 'string' || doc.length > 200) problems.push('`doc` is not a text of at most 200 characters');
  if (!isFeatures(features)) problems.push('`features` is not a list of WebGPU features, such as `shader-f16`');
  problems.push(...limitProblems(limits));
  if (!isSubgroupSize(subgroupSize)) problems.push('`subgroupSize` is not a power of two from 4 to 128');
  if (typeof subgroupMatrix !== 'boolean') problems.push('`subgroupMatrix` is neither true nor false');
  problems.push(...scheduleProblems(schedules));
  const isWhole = typeof id === 'string' && typeof doc === 'string' && isFeatures(features);
  if (problems.length > 0 || !isWhole || !isSubgroupSize(subgroupSize)) return { problems };
  const profile: TargetProfile = {
    id,
    doc: doc || id,
    features,
    limits: { ...defaultLimits, ...(limits as Partial<TargetLimits>) },
    ...(subgroupSize !== undefined && { subgroupSize }),
    ...(subgroupMatrix === true && { subgroupMatrix }),
    ...(Object.keys(schedules as object).length > 0 && { schedules: schedules as Schedules }),
  };
  return { profile: Object.freeze(profile) };
}

function limitProblems(limits: unknown): readonly string[] {
  if (!isRecord(limits)) return ['`limits` is not an object'];
  return Object.entries(limits).flatMap(([name, limit]) => {
    if (!Object.hasOwn(defaultLimits, name))
      return [
        `\`limits.${clip(name)}\` is not a limit that plans depend on: they are ${Object.keys(defaultLimits).join(', ')}`,
      ];
    const isCount = typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0;
    return isCount ? [] : [`\`limits.${name}\` is not a positive integer`];
  });
}

/** A schedule is one that this compiler would try itself: what it cannot emit never reaches it. */
function scheduleProblems(schedules: unknown): readonly string[] {
  if (!isRecord(schedules)) return ['`schedules` is not an object'];
  return Object.entries(schedules).flatMap(([name, list]) => {
    const stage = scheduledStages.find((one) => one === name);
    if (stage === undefined)
      return [`\`schedules.${clip(name)}\` is not a stage with schedules: they are ${scheduledStages.join(', ')}`];
    const candidates: readonly object[] = scheduleCandidates[stage];
    const isKnown = (one: unknown) => isRecord(one) && candidates.some((candidate) => isSameSchedule(candidate, one));
    const isList = Array.isArray(list) && list.length > 0 && list.every(isKnown);
    return isList ? [] : [`\`schedules.${name}\` is not a list of schedules of this version: gqac tune writes them`];
  });
}

function isSubgroupSize(value: unknown): value is number | undefined {
  return value === undefined || [4, 8, 16, 32, 64, 128].some((size) => size === value);
}

/** Names of features are WebGPU's to extend: any of their form. */
function isFeatures(value: unknown): value is readonly GPUFeatureName[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && /^[a-z0-9-]{1,60}$/.test(name));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const clip = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(/[^\x20-\x7e…]/g, '?');
