import { describe, expect, test } from 'vitest';
import { spanAt } from '../errors/span.ts';
import { nearest } from './nearest.ts';
import { Rng } from './prng.ts';
import { Tuple } from './tuple.ts';
import { turn } from './turn.ts';

describe('Rng', () => {
  test('xoshiro128** gives the published sequence for the state 1, 2, 3, 4', () => {
    // By hand: rotl(2 * 5, 7) * 9 = 11520; the next state's s1 is 0; then s1 = 7 ^ ... (see the reference).
    const rng = new Rng(0);
    rng.state = [1, 2, 3, 4];
    expect([rng.nextUint32(), rng.nextUint32(), rng.nextUint32()]).toEqual([11520, 0, 5927040]);
  });

  test('the state alone decides what follows', () => {
    const a = new Rng(7);
    for (let i = 0; i < 10; i++) a.normal();
    const b = new Rng(1);
    b.state = a.state;
    expect(Array.from({ length: 5 }, () => a.uniform())).toEqual(
      Array.from({ length: 5 }, () => b.uniform()),
    );
  });

  test('uniform fills [0, 1), normal has mean 0 and variance 1', () => {
    const rng = new Rng(3);
    const n = 20000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const u = rng.uniform();
      expect(u).toBeGreaterThanOrEqual(0);
      expect(u).toBeLessThan(1);
      const z = rng.normal();
      sum += z;
      squares += z * z;
    }
    // Five standard errors.
    expect(Math.abs(sum / n)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(squares / n - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });

  test('permutation holds each index once; derived generators differ by key and order', () => {
    expect([...new Rng(5).permutation(50)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
    const first = [Rng.derive(1, 2), Rng.derive(2, 1), Rng.derive(1, 2, 0)].map((r) => r.nextUint32());
    expect(new Set(first).size).toBe(3);
    expect(Rng.derive(1, 2).nextUint32()).toBe(first[0]);
  });
});

test('a tuple stays a tuple, its slices and maps are arrays', () => {
  const t = Tuple.of(3);
  expect(t).toBeInstanceOf(Tuple);
  expect([...t]).toEqual([3]);
  expect(t.map((x) => x + 1)).not.toBeInstanceOf(Tuple);
});

test('nearest finds a typo and leaves strangers alone', () => {
  expect(nearest('RetinaNett', ['RetinaNet', 'FCOS'])).toBe('RetinaNet');
  expect(nearest('Adam', ['SparseTransformer'])).toBeUndefined();
  // A swap of neighbours is one slip; two slips are too many for a short name.
  expect(nearest('depht', ['depth', 'width'])).toBe('depth');
  expect(nearest('open', ['len', 'min'])).toBeUndefined();
  expect(nearest('max_epochs', ['total_epochs'], 2)).toBeUndefined();
});

test('spanAt counts lines and columns from 1', () => {
  expect(spanAt('a.py', 'ab\ncde\n', 3, 5)).toMatchObject({ line: 2, column: 1, endLine: 2, endColumn: 3 });
});

test('turn lets waiting messages in', async () => {
  const heard: string[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => heard.push('message');
  port2.postMessage(0);
  await turn();
  await turn();
  port1.close();
  expect(heard).toEqual(['message']);
});
