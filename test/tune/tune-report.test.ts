import { describe, expect, it } from 'vitest';
import type { RowSchedule } from '../../src/compiler/plan/profiles/profiles.ts';
import { nearestFirst } from '../../src/tune/candidate-order.ts';
import { bestOf, millisecondsOf, type Outcome, type Tried } from '../../src/tune/tune-report.ts';

const a: RowSchedule = { lanes: 32, reads: 4 };
const b: RowSchedule = { lanes: 64, reads: 4 };
const c: RowSchedule = { lanes: 64, reads: 8 };

const timed = (milliseconds: number): Outcome => ({ kind: 'timed', milliseconds });
const unfit: Outcome = { kind: 'unfit', reason: 'too wide' };
const tried = (schedule: RowSchedule, ...outcomes: Outcome[]): Tried<'linear_row'> => ({ schedule, outcomes });

describe('what a spec takes with a schedule', () => {
  it.each<[Outcome, number | undefined]>([
    [timed(3), 3],
    [{ kind: 'timed', milliseconds: 3, isRough: true }, undefined],
    [{ kind: 'same', as: timed(4) }, 4],
    [unfit, 10],
    [{ kind: 'wrong', difference: { worstRow: 1, relativeL2: 1 } }, undefined],
    [{ kind: 'untried' }, undefined],
  ])('%j: %s', (outcome, expected) => {
    expect(millisecondsOf(outcome, 10)).toBe(expected);
  });
});

describe('the best schedule', () => {
  it('has the least share of the planned times', () => {
    expect(bestOf([tried(a, timed(9)), tried(b, timed(8))], [10])).toBe(b);
    expect(bestOf([tried(a, timed(50), timed(9)), tried(b, timed(90), timed(8))], [100, 10])).toBe(a);
  });

  it('is that of the plan where nothing is faster by more than times differ', () => {
    expect(bestOf([tried(a, timed(9.9)), tried(b, timed(12))], [10])).toBeUndefined();
  });

  it('slows no spec down', () => {
    expect(bestOf([tried(a, timed(5), timed(11)), tried(b, timed(9), unfit)], [10, 10])).toBe(b);
  });

  it('is not one that was wrong, or left out, anywhere', () => {
    const wrong: Outcome = { kind: 'wrong', difference: { worstRow: 1, relativeL2: 1 } };
    expect(bestOf([tried(a, timed(5), wrong), tried(b, timed(5), { kind: 'untried' })], [10, 10])).toBeUndefined();
  });
});

describe('the order of trials', () => {
  it('is that of the list, until something is known', () => {
    expect(nearestFirst([{ schedule: c }, { schedule: a }], undefined)).toEqual([{ schedule: c }, { schedule: a }]);
  });

  it('begins with what differs from the best in the fewest fields', () => {
    expect(
      nearestFirst([{ schedule: c }, { schedule: b }, { schedule: a }], a).map(({ schedule }) => schedule),
    ).toEqual([a, b, c]);
  });
});
