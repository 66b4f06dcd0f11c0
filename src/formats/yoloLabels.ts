// One YOLO label file: a line a box, columns between spaces; all numbers but the class are fractions of the picture.
//
// | line                              | written by                 | here                                             |
// |-----------------------------------|----------------------------|--------------------------------------------------|
// | class cx cy w h                   | Darknet, Ultralytics       | the box                                          |
// | class x1 y1 x2 y2 x3 y3 …         | segmentation, oriented box | the polygon's bounding box                       |
// | class cx cy w h kx ky (v) …       | pose, by `kpt_shape`       | the box; v is 0, 1 or 2 (unmarked, hidden, seen) |
// | class cx cy w h confidence        | predictions                | the box                                          |
// | class cx cy w h (confidence) id   | trackers                   | the box                                          |
//
// `class` is an index into the names of the dataset, or a name.
// Source: Ultralytics docs, "Detection/Segmentation/Pose Datasets Overview"; Darknet README, "Yolo mark".

import { linesOf } from '../util/lines.ts';

/** A box with its class as written: an index or a name. */
export interface YoloBox {
  readonly klass: string;
  /** x, y of the top left corner, width, height; fractions. */
  readonly bbox: readonly [number, number, number, number];
}

/** What is odd about lines; `line` counts from 1. */
export interface YoloFinding {
  readonly code:
    | 'confidence-column'
    | 'track-id'
    | 'keypoints'
    | 'same-box'
    | 'polygon'
    | 'comma-separated'
    | 'bad-line'
    | 'not-a-number';
  readonly line: number;
  readonly message: string;
}

export interface YoloLabels {
  readonly boxes: readonly YoloBox[];
  readonly findings: readonly YoloFinding[];
  /** Set when not one line is a box: the file is of another kind. */
  readonly refusal?: string;
}

// Boxes that hang out of the picture reach somewhat past 1; anything larger is pixels.
const MAX_FRACTION = 2;

/**
 * Read a label file. Never throws; an empty file is a picture without objects. Of equal boxes of a class one is kept.
 * @param keypointValues numbers behind the box in a pose dataset, the product of data.yaml's `kpt_shape`; default 0
 */
export function parseYoloLabels(text: string, keypointValues = 0): YoloLabels {
  const isTracked = looksTracked(text);
  const seen = new Set<string>();
  const boxes: YoloBox[] = [];
  const findings: YoloFinding[] = [];
  const bad: { line: number; reason: string; text: string }[] = [];
  linesOf(text).forEach((raw, index) => {
    const line = index + 1;
    if (raw.trim() === '' || raw.trim().startsWith('#')) return;
    const find = (code: YoloFinding['code'], message: string): void => {
      findings.push({ code, line, message });
    };
    const box = parseLine(raw.trim(), { keypointValues, isTracked }, find);
    if (typeof box !== 'string') {
      const key = `${box.klass} ${box.bbox.join(' ')}`;
      if (seen.has(key)) find('same-box', 'a box that is there twice is kept once');
      else boxes.push(box);
      seen.add(key);
    } else if (box !== '') bad.push({ line, reason: box, text: raw.trim().slice(0, 60) });
  });
  const [first] = bad;
  if (boxes.length === 0 && first) {
    const { line, reason, text: shown } = first;
    return { boxes, findings, refusal: `not YOLO boxes: line ${line} ${reason}: "${shown}"` };
  }
  for (const { line, reason, text: shown } of bad)
    findings.push({ code: 'bad-line', line, message: `line ${line} ${reason}: "${shown}"; dropped` });
  return { boxes, findings };
}

type Find = (code: YoloFinding['code'], message: string) => void;

/** What lines of this file have behind the box. */
interface LineKind {
  readonly keypointValues: number;
  readonly isTracked: boolean;
}

const BOX_VALUES = 4;
const VISIBILITIES = ['0', '1', '2'];

/** `class x y w h confidence id` in every line: six numbers of which the last is whole are no triangle. */
function looksTracked(text: string): boolean {
  const lines = linesOf(text).filter((line) => line.trim() !== '');
  return lines.length > 0 && lines.every((line) => /^\S+(?:\s+\S+){5}\s+\d+$/.test(line.trim()));
}

/** Keypoints as x, y, visibility, where the visibility of each is 0, 1 or 2 and none is a coordinate of a polygon. */
function hasVisibilities(values: readonly string[]): boolean {
  const points = values.slice(BOX_VALUES);
  if (points.length < 9 || points.length % 3 !== 0) return false;
  return points.every((value, i) => i % 3 !== 2 || VISIBILITIES.includes(String(Number(value))));
}

/** @returns the box, a reason why the line is none, or '' when the line was dropped with a finding */
function parseLine(text: string, { keypointValues, isTracked }: LineKind, find: Find): YoloBox | string {
  let columns = text.split(/\s+/);
  if (columns.slice(0, 5).some((c) => /\d,\d/.test(c)) && columns.length > 1)
    return 'has decimal commas, it needs decimal points';
  if (text.includes(',') || text.includes(';')) {
    columns = text.split(/\s*[,;]\s*|\s+/).filter((c) => c !== '');
    find('comma-separated', 'columns are separated by commas; they were read like spaces');
  }
  const { klass, values } = splitClass(columns);
  if (values.length < 4) return `has ${columns.length} columns, it needs 5`;
  const numbers = values.map(toNumber);
  if (numbers.includes(undefined)) return 'has a value that is no number';
  const fractions = numbers.filter((n) => n !== undefined);
  if (!fractions.every(Number.isFinite)) {
    find('not-a-number', 'a box with nan or inf was dropped');
    return '';
  }
  const isPose =
    (keypointValues > 0 && fractions.length === BOX_VALUES + keypointValues) || hasVisibilities(values);
  if (isPose) find('keypoints', 'keypoints behind the box were ignored');
  else if (isTracked) find('track-id', 'confidence and track id behind the box were ignored');
  else if (fractions.length === 5)
    find('confidence-column', 'a sixth column (confidence or track id) was ignored');
  const isBox = isPose || isTracked || fractions.length === 5;
  if (!isBox && fractions.length % 2 === 1) return `has ${columns.length} columns, no box and no polygon`;
  const shape = isBox ? fractions.slice(0, BOX_VALUES) : fractions;
  if (shape.some((n) => Math.abs(n) > MAX_FRACTION))
    return `has the value ${shape.find((n) => Math.abs(n) > MAX_FRACTION)}, it needs fractions of the picture (0 to 1)`;
  if (shape.length === BOX_VALUES) {
    const [cx = NaN, cy = NaN, w = NaN, h = NaN] = shape;
    return { klass, bbox: [cx - w / 2, cy - h / 2, w, h] };
  }
  find('polygon', 'a polygon was replaced by its bounding box');
  const xs = shape.filter((_, i) => i % 2 === 0);
  const ys = shape.filter((_, i) => i % 2 === 1);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { klass, bbox: [x, y, Math.max(...xs) - x, Math.max(...ys) - y] };
}

/** A class name may have spaces in it: all columns before the first number are the class. */
function splitClass(columns: readonly string[]): { klass: string; values: readonly string[] } {
  let words = 1;
  while (
    words < columns.length - 4 &&
    toNumber(columns[0] ?? '') === undefined &&
    toNumber(columns[words] ?? '') === undefined
  )
    words++;
  return { klass: columns.slice(0, words).join(' '), values: columns.slice(words) };
}

/** Undefined for what is no number at all; NaN and infinities for Python's words for them. */
function toNumber(text: string): number | undefined {
  if (/^[+-]?(?:nan|inf(?:inity)?)$/i.test(text)) return /nan/i.test(text) ? NaN : Infinity;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
