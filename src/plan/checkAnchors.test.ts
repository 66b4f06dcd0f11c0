import { expect, test } from 'vitest';
import { AnchorGenerator } from '../models/bbox/anchorGenerator.ts';
import { anchorReach, checkAnchors } from './checkAnchors.ts';

/** RetinaNet's. */
const anchors = new AnchorGenerator({
  strides: [8, 16, 32, 64, 128],
  ratios: [0.5, 1, 2],
  octaveBaseScale: 4,
  scalesPerOctave: 3,
});

/** Squares of one side, at 200 places of a picture of 512 px. */
function squares(side: number): Float32Array {
  const boxes = Array.from({ length: 200 }, (_, i) => [(i * 37) % 400, (i * 53) % 400]);
  return Float32Array.from(boxes.flatMap(([x = 0, y = 0]) => [x, y, x + side, y + side]));
}

test('tiny boxes are out of reach of anchors of 32 px and more, boxes of their size are not', () => {
  expect(anchorReach(squares(10), anchors, 0.5)).toBe(0);
  expect(checkAnchors(0, 0.5, 'model.bbox_head.anchor_generator')).toMatchObject([
    { code: 'anchors-miss-boxes' },
  ]);
  expect(anchorReach(squares(40), anchors, 0.5)).toBe(1);
  expect(checkAnchors(1, 0.5, 'model.bbox_head.anchor_generator')).toEqual([]);
});

test('the nearest anchor decides as the whole grid does', () => {
  const [grid = new Float32Array()] = new AnchorGenerator({
    strides: [8],
    ratios: [1],
    scales: [4],
  }).gridPriors([[64, 64]]);
  const level = new AnchorGenerator({ strides: [8], ratios: [1], scales: [4] });
  const boxes = squares(24);
  let reached = 0;
  for (let b = 0; b < boxes.length; b += 4) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(b, b + 4);
    let best = 0;
    for (let a = 0; a < grid.length; a += 4) {
      const [ax = 0, ay = 0, bx = 0, by = 0] = grid.subarray(a, a + 4);
      const both =
        Math.max(0, Math.min(x2, bx) - Math.max(x1, ax)) * Math.max(0, Math.min(y2, by) - Math.max(y1, ay));
      best = Math.max(best, both / ((x2 - x1) * (y2 - y1) + (bx - ax) * (by - ay) - both));
    }
    if (best >= 0.5) reached += 1;
  }
  expect(anchorReach(boxes, level, 0.5)).toBe(reached / 200);
  expect(reached).toBeGreaterThan(0);
});
