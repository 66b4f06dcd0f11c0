import type { DrawnBox, PredictedImage } from '../../../contracts/runEvents.ts';
import { at } from '../../../util/at.ts';

const CHANNELS = 3;
/** Detections below it are noise in a picture. */
const SCORE_THRESHOLD = 0.3;
const TRUTH: Colour = [255, 255, 255];
const COLOURS: readonly Colour[] = [
  [230, 25, 75],
  [60, 180, 75],
  [255, 225, 25],
  [0, 130, 200],
  [245, 130, 48],
  [145, 30, 180],
  [70, 240, 240],
  [240, 50, 230],
];

type Colour = readonly [number, number, number];

/**
 * Draw a picture's ground truth (white) and its surer detections (a colour per class) as frames of 2 px.
 * @returns new uint8 [height, width, 3], RGB
 */
export function drawPredictions(image: PredictedImage): Uint8Array {
  const rgb = image.rgb.slice();
  for (const box of image.groundTruth) frame(rgb, image, box, TRUTH);
  // The surest last, so that it lies on top.
  for (const box of image.detections.toSorted((a, b) => a.score - b.score))
    if (box.score >= SCORE_THRESHOLD) frame(rgb, image, box, at(COLOURS, box.label % COLOURS.length));
  return rgb;
}

function frame(rgb: Uint8Array, { width, height }: PredictedImage, box: DrawnBox, colour: Colour): void {
  const clamp = (value: number, size: number): number => Math.min(size - 1, Math.max(0, Math.round(value)));
  const [x1, y1] = [clamp(box.bbox[0], width), clamp(box.bbox[1], height)];
  const [x2, y2] = [clamp(box.bbox[2], width), clamp(box.bbox[3], height)];
  const dot = (x: number, y: number): void => rgb.set(colour, (y * width + x) * CHANNELS);
  for (let x = x1; x <= x2; x++)
    for (const y of [y1, Math.min(y1 + 1, y2), Math.max(y2 - 1, y1), y2]) dot(x, y);
  for (let y = y1; y <= y2; y++)
    for (const x of [x1, Math.min(x1 + 1, x2), Math.max(x2 - 1, x1), x2]) dot(x, y);
}
