import { expect, test } from 'vitest';
import type { Measure } from '../../worker/protocol.ts';
import { ChartBuilder, smooth, toChartData, type SeriesOptions } from './series.ts';
import { at } from '../../util/at.ts';

const MEASURES: Measure[] = [
  { mode: 'train', epoch: 1, iter: 10, values: { loss_cls: 1, loss: 2, lr: 0.1 } },
  { mode: 'train', epoch: 1, iter: 20, values: { loss_cls: NaN, loss: 1, lr: 0.1 } },
  { mode: 'val', epoch: 1, iter: 20, values: { bbox_mAP: 0.5 } },
  { mode: 'train', epoch: 2, iter: 30, values: { loss: 0.5, lr: 0.01 } },
];
const LOSSES: SeriesOptions = {
  mode: 'train',
  axis: 'iterations',
  itersPerEpoch: 20,
  smoothing: 0,
  include: (key) => key.includes('loss'),
};

test('each key becomes a line; a missing or not finite value is a gap', () => {
  expect(toChartData(MEASURES, LOSSES)).toEqual({
    x: [10, 20, 30],
    lines: [
      { label: 'loss_cls', values: [1, null, null] },
      { label: 'loss', values: [2, 1, 0.5] },
    ],
  });
});

test('the epoch axis counts parts of epochs in training and whole ones in validation', () => {
  expect(toChartData(MEASURES, { ...LOSSES, axis: 'epochs' }).x).toEqual([0.5, 1, 1.5]);
  const val = { ...LOSSES, mode: 'val', axis: 'epochs', include: () => true } as const;
  expect(toChartData(MEASURES, val).x).toEqual([1]);
});

test('smoothing starts at the first value and passes over gaps', () => {
  // w = 0.5: means 0.5, 0.75, 2.375 over weights 0.5, 0.75, 0.875.
  expect(smooth([1, 1, null, 4], 0.5)).toEqual([1, 1, null, 2.375 / 0.875]);
});

test('a builder that sees the records grow gives what one that sees all at once gives', () => {
  for (const options of [LOSSES, { ...LOSSES, smoothing: 0.5 }, { ...LOSSES, include: () => true }]) {
    const builder = new ChartBuilder(options);
    for (let count = 0; count <= MEASURES.length; count++)
      expect(builder.update(MEASURES.slice(0, count))).toEqual(
        toChartData(MEASURES.slice(0, count), options),
      );
    // A run that goes on from a checkpoint loses the records behind it; another run has others.
    for (const other of [MEASURES.slice(0, 2), [...MEASURES].reverse(), []])
      expect(builder.update(other)).toEqual(toChartData(other, options));
  }
});

test('records that were seen are not read again', () => {
  let reads = 0;
  const counted = (measure: Measure): Measure => ({
    ...measure,
    get values() {
      reads += 1;
      return measure.values;
    },
  });
  const builder = new ChartBuilder(LOSSES);
  const first = MEASURES.map(counted);
  builder.update(first);
  reads = 0;
  builder.update([...first, { ...at(MEASURES, 0), iter: 40 }]);
  expect(reads).toBe(0);
});
