import { beforeAll, describe, expect, it } from 'vitest';
import { readProfile } from '../../src/compiler/plan/profiles/file.ts';
import { defaultLimits, profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { scheduleCandidates, scheduledStages } from '../../src/compiler/plan/profiles/schedule-candidates.ts';
import { type OpenedDevice, openDevice } from '../../src/node/adapter.ts';
import { obstacleTo, profileOfDevice } from '../../src/tune/device-profile.ts';

describe('a profile with schedules', () => {
  it.each(scheduledStages)('is read with any candidate of %s', (stage) => {
    for (const schedule of scheduleCandidates[stage]) {
      const file = JSON.parse(
        JSON.stringify({ id: 'mine', schedules: { [stage]: [schedule] }, measured: { by: 'me' } }),
      );
      expect(readProfile(file)).toEqual({
        profile: { id: 'mine', doc: 'mine', features: [], limits: defaultLimits, schedules: { [stage]: [schedule] } },
      });
    }
  });

  it('keeps what is said of subgroups', () => {
    expect(readProfile({ id: 'mine', subgroupSize: 32, subgroupMatrix: true })).toMatchObject({
      profile: { subgroupSize: 32, subgroupMatrix: true },
    });
  });

  it.each([
    [{ subgroupSize: 31 }, /`subgroupSize` is not a power of two/],
    [{ subgroupMatrix: 1 }, /`subgroupMatrix` is neither true nor false/],
    [{ schedules: [] }, /`schedules` is not an object/],
    [{ schedules: { attention: [] } }, /`schedules.attention` is not a stage with schedules: they are attention_/],
    [{ schedules: { attention_matrix: [] } }, /`schedules.attention_matrix` is not a list of schedules/],
    [{ schedules: { attention_matrix: [{ subgroups: 3 }] } }, /gqac tune writes them/],
  ])('is refused with %j', (part, message) => {
    expect(readProfile({ id: 'mine', ...part })).toEqual({ problems: [expect.stringMatching(message)] });
  });
});

describe('the profile of a device', () => {
  let opened: OpenedDevice;
  beforeAll(async () => {
    opened = await openDevice();
    return () => opened.device.destroy();
  });

  it('runs on it, and has its limits', () => {
    const { adapter, device } = opened;
    const profile = profileOfDevice(adapter, device, 'here', 'this machine');
    expect(obstacleTo(profile, device)).toBeUndefined();
    expect(profile.limits.maxComputeWorkgroupStorageSize).toBe(device.limits.maxComputeWorkgroupStorageSize);
    expect(readProfile(JSON.parse(JSON.stringify(profile)))).toEqual({ profile });
  });

  it('says what it lacks for another', () => {
    const demanding = { ...profiles.baseline, limits: { ...defaultLimits, maxStorageBuffersPerShaderStage: 1000 } };
    expect(obstacleTo(demanding, opened.adapter)?.message).toContain('maxStorageBuffersPerShaderStage');
  });
});
