// Averages of weights in one buffer, and in several where the device can't bind so much at once.
import { expect, test } from 'vitest';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { smallBindings } from '../../gpu/testing/smallBindings.ts';
import { FloatBuffer, Parameter } from '../../nn/index.ts';
import { SGD } from '../../optim/index.ts';
import { FloatPairs } from './floatPairs.ts';
import { at as itemAt } from '../../util/at.ts';

await testAdapter();

const SIZES = [100, 64, 200, 3, 130];

const numbers = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i));

/** Weights of an optimizer, frozen ones and norm statistics, each with its average. */
function makePairs(): (readonly [Parameter | FloatBuffer, FloatBuffer])[] {
  return [...SIZES, ...SIZES, ...SIZES].map((size, i) => {
    const source = i < 2 * SIZES.length ? new Parameter([size]) : new FloatBuffer([size]);
    source.fromTorch(numbers(size, i));
    return [source, new FloatBuffer([size])];
  });
}

async function averaged(maxBytes: number): Promise<Float32Array[]> {
  const end = maxBytes < Infinity ? smallBindings(maxBytes) : (): void => undefined;
  const pairs = makePairs();
  const params = pairs
    .slice(0, SIZES.length)
    .flatMap(([source]) => (source instanceof Parameter ? [source] : []));
  const optimizer = new SGD({ params, lr: 1 });
  optimizer.prepare();
  expect(optimizer.pool?.values.chunks.length).toBe(maxBytes < Infinity ? 3 : 1);
  const floats = new FloatPairs(pairs, optimizer.pool);
  floats.copy();
  pairs.forEach(([source, { size }], i) => source.fromTorch(numbers(size, 100 + i)));
  floats.average(0.25);
  floats.exchange();
  const values = await Promise.all(pairs.flatMap((pair) => pair.map((item) => item.toTorch())));
  optimizer.dispose();
  for (const item of pairs.flat()) item.dispose();
  end();
  return values;
}

test('the same bits in one buffer and in several', async () => {
  const one = await averaged(Infinity);
  // Five blocks of 64 numbers: the 12 of each kind take three buffers.
  expect(await averaged(5 * 256)).toEqual(one);
  one.forEach((values, at) => {
    const i = Math.floor(at / 2);
    const [before, after] = [numbers(values.length, i), numbers(values.length, 100 + i)];
    values.forEach((value, k) =>
      expect(value).toBeCloseTo(
        at % 2 === 0 ? 0.75 * itemAt(before, k) + 0.25 * itemAt(after, k) : itemAt(after, k),
        5,
      ),
    );
  });
});
