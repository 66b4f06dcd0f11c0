import { describe, expect, test } from 'vitest';
import { at } from '../util/at.ts';
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

describe('parseYoloLabels', () => {
  test('reads boxes as fractions, corner first', () => {
    expect(parseYoloLabels('1 0.5 0.5 0.25 0.5\r\n\r\n# note\n2.0\t.5 .5 1 1\n').boxes).toEqual([
      { klass: '1', bbox: [0.375, 0.25, 0.25, 0.5] },
      { klass: '2.0', bbox: [0, 0, 1, 1] },
    ]);
    expect(parseYoloLabels('')).toEqual({ boxes: [], findings: [] });
  });

  test('class names may have spaces, polygons become boxes, a confidence is ignored', () => {
    expect(at(parseYoloLabels('red cell 0.5 0.5 0.5 0.5').boxes, 0).klass).toBe('red cell');
    expect(at(parseYoloLabels('0 0.25 0.25 0.5 0.25 0.5 0.75').boxes, 0).bbox).toEqual([
      0.25, 0.25, 0.25, 0.5,
    ]);
    expect(codes('0 0.25 0.25 0.5 0.25 0.5 0.75')).toEqual(['polygon']);
    expect(codes('0 0.5 0.5 0.1 0.1 0.9')).toEqual(['confidence-column']);
    expect(codes('0, 0.5, 0.5, 0.1, 0.1')).toEqual(['comma-separated']);
    expect(codes('0 nan 0.5 0.1 0.1')).toEqual(['not-a-number']);
  });

  test('one bad line is dropped by number; a file of bad lines is refused with the first', () => {
    expect(parseYoloLabels('0 0.5 0.5 0.1 0.1\n0 12 30 44 50')).toMatchObject({
      boxes: [{}],
      findings: [{ code: 'bad-line', line: 2 }],
    });
    expect(parseYoloLabels('0 12 30 44 50').refusal).toMatchInlineSnapshot(
      `"not YOLO boxes: line 1 has the value 12, it needs fractions of the picture (0 to 1): "0 12 30 44 50""`,
    );
    expect(parseYoloLabels('0 0,5 0,5 0,1 0,1').refusal).toMatch(/decimal commas/);
    expect(parseYoloLabels('0 0.5 0.5').refusal).toMatch(/has 3 columns, it needs 5/);
  });
});
