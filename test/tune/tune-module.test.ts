import { afterEach, describe, expect, it, vi } from 'vitest';
import { lower } from '../../src/compiler/ir/lower.ts';
import type { RowSchedule } from '../../src/compiler/plan/profiles/profiles.ts';
import { profiles } from '../../src/compiler/plan/profiles/profiles.ts';
import { openDevice } from '../../src/node/adapter.ts';
import { NodeTrial } from '../../src/tune/node-trial.ts';
import { Stopwatch } from '../../src/tune/stopwatch.ts';
import { type TuneOptions, tuneModule } from '../../src/tune/tune-module.ts';
import { schedulesOf } from '../../src/tune/tune-report.ts';
import { shapedOf, useDevice } from '../numeric/harness.ts';

const gpu = useDevice();
afterEach(() => vi.restoreAllMocks());

/** Products of 256 entries, whose portable kernel has four loads in flight: eight are another kernel. */
const shaped = shapedOf('attention: { hidden: 256, q_heads: 2, kv_heads: 1, head_dim: 16, mask: { causal: true } }');
const eight: RowSchedule = { lanes: 32, reads: 8 };
const four: RowSchedule = { lanes: 32, reads: 4 };

async function tune(options: Partial<TuneOptions> = {}) {
  const workload = { name: 'small', shaped, module: lower(shaped), sizes: { tokens: 4, keys: 6 } };
  const reports = await tuneModule([workload], profiles.baseline, {
    device: gpu.device,
    stopwatch: new Stopwatch(gpu.device, false),
    candidates: { linear_row: [eight, four] },
    cacheBytes: 0,
    ahead: 2,
    seconds: 60,
    signal: new AbortController().signal,
    ...options,
  });
  const report = reports.find(({ stage }) => stage === 'linear_row');
  if (report === undefined) throw new Error('the stage is there');
  return { reports, report, kinds: report.candidates.map(({ outcomes }) => outcomes[0]?.kind) };
}

/** Does something to every trial but those of what was planned. */
function onCandidates(change: (trial: NodeTrial) => void): void {
  const create = NodeTrial.create;
  vi.spyOn(NodeTrial, 'create').mockImplementation(async (device, variant, count) => {
    const trial = await create.call(NodeTrial, device, variant, count);
    const takesEight = variant.dispatches.some(({ plan }) => plan.stage === 'linear_row' && plan.reads === 8);
    if (takesEight) change(trial);
    return trial;
  });
}

describe('tuning', () => {
  it('times what is another kernel, and takes it only when it is faster', async () => {
    const { reports, report, kinds } = await tune();
    expect(kinds).toEqual(['same', 'timed']);
    const [spec] = report.specs;
    expect(spec?.plannedMilliseconds).toBeGreaterThan(0);
    expect(spec?.leastMilliseconds).toBeLessThanOrEqual(spec?.plannedMilliseconds ?? 0);
    expect(spec?.kernels).toContain('linear_row_256x32_16_16_heads');
    expect(schedulesOf(reports)).toEqual(report.best === undefined ? {} : { linear_row: [eight] });
  });

  it('rejects what gives something else', async () => {
    onCandidates((trial) => {
      const outputs = trial.outputs.bind(trial);
      vi.spyOn(trial, 'outputs').mockImplementation(async () => {
        const found = await outputs();
        for (const values of found.values()) values[0] = Number.NaN;
        return found;
      });
    });
    const { report, kinds } = await tune();
    expect(kinds).toEqual(['same', 'wrong']);
    expect(report.best).toBeUndefined();
  });

  it('leaves what its device refuses, and what the time does not allow', async () => {
    onCandidates(() => {
      throw new Error('no registers are left');
    });
    expect((await tune()).report.candidates[1]?.outcomes[0]).toEqual({
      kind: 'refused',
      reason: 'no registers are left',
    });
    vi.restoreAllMocks();
    expect((await tune({ seconds: -1 })).kinds).toEqual(['same', 'untried']);
  });

  it('ends when it is asked to', async () => {
    await expect(tune({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  it('leaves nothing that compiles when it ends, so that its device can be destroyed', async () => {
    const { device } = await openDevice();
    const controller = new AbortController();
    const onCandidate = () => controller.abort(new Error('enough'));
    const stopwatch = new Stopwatch(device, false);
    await expect(tune({ device, stopwatch, ahead: 4, signal: controller.signal, onCandidate })).rejects.toThrow(
      'enough',
    );
    device.destroy();
    expect((await device.lost).reason).toBe('destroyed');
  });
});
