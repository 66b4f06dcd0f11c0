// One YOLO label file: a line per box, `class cx cy w h` as fractions of the picture; or `class x1 y1 x2 y2 x3 y3 …`,
// the corners of a polygon, whose bounding box is taken.
// Source: Ultralytics docs, "Detection/Segmentation Datasets Overview"; Darknet README, "Yolo mark".

/** A box with its class as written: an index or a name. */
export interface YoloBox {
  readonly klass: string;
  /** x, y of the top left corner, width, height; fractions. */
  readonly bbox: readonly [number, number, number, number];
}

/** What is odd about lines; `line` counts from 1. */
export interface YoloFinding {
  readonly code: 'confidence-column' | 'polygon' | 'comma-separated' | 'bad-line' | 'not-a-number';
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

/** Read a label file. Never throws; an empty file is a picture without objects. */
export function parseYoloLabels(text: string): YoloLabels {
  const boxes: YoloBox[] = [];
  const findings: YoloFinding[] = [];
  const bad: { line: number; reason: string; text: string }[] = [];
  text.split(/\r\n|\r|\n/).forEach((raw, index) => {
    const line = index + 1;
    if (raw.trim() === '' || raw.trim().startsWith('#')) return;
    const find = (code: YoloFinding['code'], message: string): void => {
      findings.push({ code, line, message });
    };
    const box = parseLine(raw.trim(), find);
    if (typeof box !== 'string') boxes.push(box);
    else if (box !== '') bad.push({ line, reason: box, text: raw.trim().slice(0, 60) });
  });
  if (boxes.length === 0 && bad.length > 0) {
    const [{ line, reason, text: shown }] = bad;
    return { boxes, findings, refusal: `not YOLO boxes: line ${line} ${reason}: "${shown}"` };
  }
  for (const { line, reason, text: shown } of bad)
    findings.push({ code: 'bad-line', line, message: `line ${line} ${reason}: "${shown}"; dropped` });
  return { boxes, findings };
}

type Find = (code: YoloFinding['code'], message: string) => void;

/** @returns the box, a reason why the line is none, or '' when the line was dropped with a finding */
function parseLine(text: string, find: Find): YoloBox | string {
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
  if (fractions.length === 5) find('confidence-column', 'a sixth column (confidence) was ignored');
  if (fractions.length > 5 && fractions.length % 2 === 1)
    return `has ${columns.length} columns, no box and no polygon`;
  const shape = fractions.length === 5 ? fractions.slice(0, 4) : fractions;
  if (shape.some((n) => Math.abs(n) > MAX_FRACTION))
    return `has the value ${shape.find((n) => Math.abs(n) > MAX_FRACTION)}, it needs fractions of the picture (0 to 1)`;
  if (shape.length === 4) {
    const [cx, cy, w, h] = shape;
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
    toNumber(columns[0]) === undefined &&
    toNumber(columns[words]) === undefined
  )
    words++;
  return { klass: columns.slice(0, words).join(' '), values: columns.slice(words) };
}

/** Undefined for what is no number at all; NaN and infinities for Python's words for them. */
function toNumber(text: string): number | undefined {
  if (/^[+-]?(?:nan|inf(?:inity)?)$/i.test(text)) return /nan/i.test(text) ? NaN : Infinity;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
