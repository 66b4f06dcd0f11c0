import { expect, test } from 'vitest';
import { checkNumClasses } from './checkNumClasses.ts';

const model = (num: number): object => ({
  type: 'FasterRCNN',
  rpn_head: { type: 'RPNHead', num_classes: 1 },
  roi_head: { type: 'CascadeRoIHead', bbox_head: [{ type: 'Shared2FCBBoxHead', num_classes: num }] },
});

test('a head with another number of classes is an error at its key; RPN heads have their own', () => {
  expect(checkNumClasses(model(3), ['a', 'b', 'c'])).toEqual([]);
  expect(checkNumClasses(model(2), ['a', 'b', 'c'])).toMatchObject([
    { severity: 'error', code: 'num-classes-mismatch', path: 'model.roi_head.bbox_head[0].num_classes' },
  ]);
});
