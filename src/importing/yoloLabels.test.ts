import { describe, expect, test } from 'vitest';
import { parseYoloLabels } from './yoloLabels.ts';

const codes = (text: string, keypoints = 0): string[] =>
  parseYoloLabels(text, keypoints).findings.map(({ code }) => code);
const boxes = (text: string, keypoints = 0): number[][] =>
  parseYoloLabels(text, keypoints).boxes.map(({ bbox }) => bbox.map((v) => Math.round(v * 1e6) / 1e6));

const BOX = [0.4, 0.35, 0.2, 0.3];

describe('which numbers of a line are the box', () => {
  test.each([
    ['plain', '0 0.5 0.5 0.2 0.3', 0, []],
    ['confidence', '0 0.5 0.5 0.2 0.3 0.91', 0, ['confidence-column']],
    ['track id alone', '0 0.5 0.5 0.2 0.3 17', 0, ['confidence-column']],
    ['confidence and track id', '0 0.5 0.5 0.2 0.3 0.91 17', 0, ['track-id']],
    ['confidence and a track id of 1', '0 0.5 0.5 0.2 0.3 0.91 1', 0, ['track-id']],
    ['pose, 2 numbers a keypoint', '0 0.5 0.5 0.2 0.3 0.1 0.2 0.3 0.4', 4, ['keypoints']],
    ['pose, one keypoint', '0 0.5 0.5 0.2 0.3 0.1 0.2', 2, ['keypoints']],
    ['pose that no data.yaml tells', '0 0.5 0.5 0.2 0.3 0.1 0.2 2 0.3 0.4 0 0.5 0.5 1', 0, ['keypoints']],
  ])('%s', (_, line, keypoints, found) => {
    expect(boxes(line, keypoints)).toEqual([BOX]);
    expect(codes(line, keypoints)).toEqual(found);
  });

  test.each([
    ['a triangle', '0 0.4 0.35 0.6 0.35 0.5 0.65'],
    ['an oriented box', '0 0.4 0.5 0.5 0.35 0.6 0.5 0.5 0.65'],
    ['a polygon with corners at the edge', '0 0.4 0.35 0.6 0.35 0.6 0.65 0.4 0.65 0.5 0.5'],
  ])('%s becomes its bounding box', (_, line) => {
    expect(boxes(line)).toEqual([BOX]);
    expect(codes(line)).toEqual(['polygon']);
  });

  test('one triangle that ends in a whole number among others is no track', () => {
    const text = '0 0.4 0.4 0.6 0.4 0.5 1\n0 0.1 0.1 0.2 0.1 0.1 0.25';
    expect(codes(text)).toEqual(['polygon', 'polygon']);
  });

  test('a box that is there twice is kept once, one of another class is another', () => {
    const text = '0 0.5 0.5 0.2 0.3\n0 0.5 0.5 0.2 0.3\n1 0.5 0.5 0.2 0.3';
    expect(boxes(text)).toEqual([BOX, BOX]);
    expect(codes(text)).toEqual(['same-box']);
  });
});
