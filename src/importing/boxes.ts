// Puts the boxes of a picture right: into pixels of the picture as displayed, inside it, with an area.

import type { Findings } from './findings.ts';
import type { PictureFacts } from './pictures.ts';
import type { RawBox, RawDataset, RawImage } from './types.ts';

/** A box that can be trained on: px, inside the picture, at least 1 px wide and high. */
export interface CleanBox {
  readonly category: number;
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  /** px², of the object's mask where the source has one, else of the box. */
  readonly area: number;
  readonly isCrowd: boolean;
}

export interface CleanImage {
  readonly raw: RawImage;
  readonly facts: PictureFacts;
  readonly boxes: readonly CleanBox[];
}

type Xywh = readonly [number, number, number, number];

// Rounding, and annotation tools that count from 0 where the format counts from 1, put edges up to one pixel outside.
const EDGE_TOLERANCE_PX = 1;
const MIN_SIDE_PX = 1;
const RATIO_TOLERANCE = 0.02;
const MANY_BOXES = 1000;

/** Repair the boxes of one picture. @returns undefined when the picture had to be skipped */
export function cleanImage(
  raw: RawImage,
  facts: PictureFacts,
  dataset: RawDataset,
  findings: Findings,
): CleanImage | undefined {
  const name = raw.file.path;
  const finite = raw.boxes.filter((box) => {
    if (box.bbox.every(Number.isFinite)) return true;
    findings.warn(
      'bad-box',
      name,
      `${name}: a box with a value that is no number (NaN or Infinity) was dropped`,
    );
    return false;
  });
  const place =
    dataset.boxUnit === 'unit'
      ? scale(facts.width, facts.height)
      : placeOfPixels(raw, finite, facts, dataset, findings);
  if (!place) return undefined;
  const boxes = finite
    .map((box) => cleanBox(box, place(box.bbox), facts, name, findings))
    .filter((box) => box !== undefined);
  if (boxes.length > MANY_BOXES)
    findings.warn(
      'many-boxes',
      name,
      `${name} has ${boxes.length} boxes; all are kept, but training on more than ${MANY_BOXES} in one picture takes much memory`,
    );
  return { raw, facts, boxes };
}

type Place = (box: Xywh) => Xywh;

const scale =
  (sx: number, sy: number): Place =>
  ([x, y, w, h]) => [x * sx, y * sy, w * sx, h * sy];

/** How boxes given in pixels of the annotation's picture size get to the picture that is there. */
function placeOfPixels(
  raw: RawImage,
  boxes: readonly RawBox[],
  facts: PictureFacts,
  dataset: RawDataset,
  findings: Findings,
): Place | undefined {
  const { width: w0, height: h0 } = raw;
  const { width, height, orientation } = facts;
  const name = raw.file.path;
  const same = scale(1, 1);
  if (dataset.format === 'images') return same;
  if (w0 === undefined || h0 === undefined) {
    findings.warn(
      'size-missing',
      name,
      `${name}: the annotation gives no size; ${width}x${height} was read from the picture`,
    );
    return same;
  }
  if (w0 === width && h0 === height) return same;
  if (orientation >= 5 && w0 === height && h0 === width) {
    findings.warn(
      'exif-rotated',
      name,
      `${name} is rotated by its EXIF data, its boxes are not; they were turned with it`,
    );
    return (box) => turn(box, orientation, w0, h0);
  }
  const [sx, sy] = [width / w0, height / h0];
  const sizes = `the annotation says ${w0}x${h0}, the picture is ${width}x${height}`;
  if (Math.abs(sx / sy - 1) <= RATIO_TOLERANCE) {
    findings.warn('size-mismatch', name, `${name}: ${sizes}; its boxes were scaled`);
    return scale(sx, sy);
  }
  const fits = boxes.every(
    ({ bbox: [x, y, w, h] }) => x + w <= width + EDGE_TOLERANCE_PX && y + h <= height + EDGE_TOLERANCE_PX,
  );
  if (fits) {
    findings.warn('size-mismatch', name, `${name}: ${sizes}; its boxes fit the picture and were kept`);
    return same;
  }
  findings.skip('size-mismatch', name, `${name}: ${sizes}; nothing tells where its boxes belong`);
  return undefined;
}

/** Map a box of the stored picture to the picture as displayed. @param w0 @param h0 stored size, px. Source: EXIF 2.32, 4.6.4 */
function turn([x, y, w, h]: Xywh, orientation: number, w0: number, h0: number): Xywh {
  switch (orientation) {
    case 5:
      return [y, x, h, w];
    case 6:
      return [h0 - y - h, x, h, w];
    case 7:
      return [h0 - y - h, w0 - x - w, h, w];
    default:
      return [y, w0 - x - w, h, w];
  }
}

function cleanBox(
  raw: RawBox,
  [x, y, w, h]: Xywh,
  { width, height }: PictureFacts,
  name: string,
  findings: Findings,
): CleanBox | undefined {
  const drop = (code: string, why: string): undefined => {
    findings.warn(code, name, `${name}: a box ${why} was dropped`);
  };
  if (w < 0 || h < 0) return drop('negative-size', 'with negative width or height');
  if (w === 0 || h === 0) return drop('empty-box', 'with zero width or height');
  const [left, top] = [Math.max(0, x), Math.max(0, y)];
  const [right, bottom] = [Math.min(width, x + w), Math.min(height, y + h)];
  if (right <= left || bottom <= top) return drop('outside-box', 'that lies outside the picture');
  if (right - left < MIN_SIDE_PX || bottom - top < MIN_SIDE_PX) return drop('tiny-box', 'below 1 pixel');
  const over = Math.max(left - x, top - y, x + w - right, y + h - bottom);
  if (over > EDGE_TOLERANCE_PX)
    findings.warn('clipped-box', name, `${name}: a box that leaves the picture was clipped to it`);
  const isWhole = over <= 0;
  const box: Xywh = isWhole ? [x, y, w, h] : [left, top, right - left, bottom - top];
  const area = box[2] * box[3];
  // A mask is never larger than its box; rescaled boxes have rescaled masks.
  const [, , w0, h0] = raw.bbox;
  const maskArea = raw.area === undefined ? area : raw.area * ((w * h) / (w0 * h0));
  return {
    category: raw.category,
    x: box[0],
    y: box[1],
    w: box[2],
    h: box[3],
    area: isWhole ? Math.min(maskArea, area) : area,
    isCrowd: raw.isCrowd,
  };
}

/** Tell loudly when the boxes of a whole dataset look like another format than the one they are read as. */
export function warnAboutFormat(
  dataset: RawDataset,
  factsOf: (image: RawImage) => PictureFacts | undefined,
  findings: Findings,
): void {
  if (dataset.boxUnit === 'unit' || dataset.format !== 'coco') return;
  let [total, leaving, corners, fractions] = [0, 0, 0, 0];
  for (const image of dataset.images) {
    const facts = factsOf(image);
    if (!facts) continue;
    const [right, bottom] = [(image.width ?? facts.width) + 1, (image.height ?? facts.height) + 1];
    for (const { bbox } of image.boxes) {
      const [x, y, a, b] = bbox;
      if (!bbox.every(Number.isFinite)) continue;
      total += 1;
      if (x + a > right || y + b > bottom) leaving += 1;
      if (a > x && b > y && a <= right && b <= bottom) corners += 1;
      if (bbox.every((v) => v >= 0 && v <= 1)) fractions += 1;
    }
  }
  if (total === 0) return;
  if (leaving >= 0.2 * total && corners >= 0.95 * total)
    findings.warn(
      'looks-like-xyxy',
      'annotations',
      `${leaving} of ${total} boxes leave their pictures, and all would fit as [x1, y1, x2, y2]: is the format xyxy instead of COCO's [x, y, width, height]? They were read as COCO says and clipped; if it is, import again as xyxy`,
    );
  if (fractions >= 0.95 * total)
    findings.warn(
      'looks-normalised',
      'annotations',
      `${fractions} of ${total} boxes are below 1 pixel: they seem to be fractions of the picture (0 to 1) where COCO wants pixels, and can't be trained on`,
    );
}
