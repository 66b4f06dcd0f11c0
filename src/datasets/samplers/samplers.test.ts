import { describe, expect, test } from 'vitest';
import { GroupSampler } from './groupSampler.ts';
import { SequentialSampler } from './sequentialSampler.ts';

const flag = Uint8Array.from({ length: 23 }, (_, i) => (i % 3 === 0 ? 1 : 0)); // 8 wide, 15 high
const sampler = new GroupSampler({ flag, samplesPerGpu: 4, seed: 5 });

describe('GroupSampler', () => {
  test('every batch has one group, every sample comes, the last batch of a group is filled up', () => {
    const indices = sampler.indices(0);
    expect(sampler.length).toBe(8 + 16);
    expect(indices).toHaveLength(24);
    expect(new Set(indices).size).toBe(23);
    for (let at = 0; at < 24; at += 4) {
      expect(new Set(indices.slice(at, at + 4).map((i) => flag[i])).size).toBe(1);
    }
  });

  test('an epoch is the same whenever it is asked for, and differs from others and other seeds', () => {
    const again = new GroupSampler({ flag, samplesPerGpu: 4, seed: 5 });
    expect(again.indices(3)).toEqual(sampler.indices(3));
    expect(sampler.indices(4)).not.toEqual(sampler.indices(3));
    expect(new GroupSampler({ flag, samplesPerGpu: 4, seed: 6 }).indices(3)).not.toEqual(sampler.indices(3));
  });

  test('batches of both groups are mixed', () => {
    const groupsOf = (epoch: number): string =>
      sampler
        .indices(epoch)
        .filter((_, i) => i % 4 === 0)
        .map((i) => flag[i])
        .join('');
    const orders = new Set(Array.from({ length: 20 }, (_, epoch) => groupsOf(epoch)));
    expect(orders.size).toBeGreaterThan(5);
  });
});

test('SequentialSampler keeps the order', () => {
  expect(new SequentialSampler(3).indices()).toEqual([0, 1, 2]);
});
