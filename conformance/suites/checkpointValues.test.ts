import { expect, test } from 'vitest';
import { OrderedMap, TorchTensor } from '../../src/serialization/index.ts';
import { Tuple } from '../../src/util/tuple.ts';
import { encodeFixture, sameValue } from './checkpointValues.ts';

test('checkpoint values: every kind of difference is found and named', () => {
  const tensor = new TorchTensor({ shape: [2], dtype: 'float32', data: Float32Array.of(-0, NaN) });
  const actual = encodeFixture(new OrderedMap([['w', tensor]]));
  const expected = (data: unknown[], dtype = 'float32', kind = '__ordereddict__'): unknown => ({
    [kind]: [
      [
        'w',
        { __tensor__: { shape: [2], dtype, stride: [1], storage_offset: 0, requires_grad: false, data } },
      ],
    ],
  });
  expect(sameValue(actual, expected([-0, 'NaN']))).toBeNull();
  expect(sameValue(actual, expected([0, 'NaN']))).toContain('data[0]');
  expect(sameValue(actual, expected([-0, 'NaN', 1]))).toContain('2 items, expected 3');
  expect(sameValue(actual, expected([-0, 'NaN'], 'float64'))).toContain('.dtype');
  expect(sameValue(actual, expected([-0, 'NaN'], 'float32', '__dict__'))).not.toBeNull();
  expect(sameValue(encodeFixture(Tuple.of(1)), [1])).not.toBeNull();
  expect(sameValue(encodeFixture(2n ** 70n), { __int__: '1180591620717411303424' })).toBeNull();
});
