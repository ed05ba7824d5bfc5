import { describe, expect, it } from 'vitest';
import { alibiSlopes, t5Bucket } from '../../src/compiler/oracle/positions.ts';

describe('alibiSlopes', () => {
  it('is a geometric sequence for powers of two', () => {
    expect(alibiSlopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => 2 ** -n));
    expect(alibiSlopes(1)).toEqual([1 / 256]);
    expect(alibiSlopes(4)).toEqual([2 ** -2, 2 ** -4, 2 ** -6, 2 ** -8]);
  });

  it('is filled up with every other slope of the next power of two', () => {
    expect(alibiSlopes(6)).toEqual([...alibiSlopes(4), 2 ** -1, 2 ** -3]);
    expect(alibiSlopes(3)).toEqual([...alibiSlopes(2), 2 ** -2]);
  });
});

describe('t5Bucket', () => {
  const table = { kind: 't5', buckets: 32, maxDistance: 128, scale: 1, bidirectional: false } as const;
  const both = { ...table, bidirectional: true } as const;

  it('is exact for half of the buckets, then logarithmic, then the last', () => {
    expect([0, 1, 15, 16, 127, 128, 1e6].map((n) => t5Bucket(n, table))).toEqual([0, 1, 15, 16, 31, 31, 31]);
    // 16 + floor(16 · ln(n / 16) / ln 8)
    expect([18, 19, 32, 64].map((n) => t5Bucket(n, table))).toEqual([16, 17, 21, 26]);
  });

  it('counts keys after the query as distance 0, or gives them the second half', () => {
    expect([-1, -50].map((n) => t5Bucket(n, table))).toEqual([0, 0]);
    expect([7, 8, 16, 64, 200].map((n) => t5Bucket(n, both))).toEqual([7, 8, 10, 14, 15]);
    expect([-1, -7, -8, -16, -200].map((n) => t5Bucket(n, both))).toEqual([17, 23, 24, 26, 31]);
  });
});
