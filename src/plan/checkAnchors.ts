// Whether the anchors reach the objects of a data set.

import type { Problem } from '../contracts/problem.ts';

/** Fewer boxes reached than this share are worth a word. */
const LEAST_SHARE = 0.25;
/** Boxes looked at, spread evenly over the data set. */
const MAX_BOXES = 20_000;

/** What an anchor generator makes of a padded picture. */
export interface AnchorLevels {
  /** [width, height] per level, px. */
  readonly strides: readonly (readonly [number, number])[];
  /** float32 [A, 4] per level, xyxy around the centre of the first cell. */
  readonly baseAnchors: readonly Float32Array[];
}

/**
 * The share of boxes whose best anchor overlaps enough to be assigned to them.
 * @param boxes [N, 4], xyxy, px of the resized picture
 * @param posIouThr IoU from which an anchor is positive
 * @returns in [0, 1]; NaN without boxes
 */
export function anchorReach(
  boxes: Float32Array | Float64Array,
  { strides, baseAnchors }: AnchorLevels,
  posIouThr: number,
): number {
  const step = Math.max(1, Math.ceil(boxes.length / 4 / MAX_BOXES));
  let [looked, reached] = [0, 0];
  for (let at = 0; at < boxes.length; at += 4 * step) {
    looked += 1;
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(at, at + 4);
    const box = { x: (x1 + x2) / 2, y: (y1 + y2) / 2, w: x2 - x1, h: y2 - y1 };
    const isReached = baseAnchors.some((anchors, level) => {
      const [strideW, strideH] = strides[level] ?? [1, 1];
      for (let a = 0; a < anchors.length; a += 4) {
        const [ax1 = 0, ay1 = 0, ax2 = 0, ay2 = 0] = anchors.subarray(a, a + 4);
        const anchor = { w: ax2 - ax1, h: ay2 - ay1 };
        const dx = offGrid(box.x - (ax1 + ax2) / 2, strideW);
        const dy = offGrid(box.y - (ay1 + ay2) / 2, strideH);
        if (iou(box, anchor, dx, dy) >= posIouThr) return true;
      }
      return false;
    });
    if (isReached) reached += 1;
  }
  return reached / looked;
}

/**
 * Tell where few of the boxes are reached.
 * @param path of the anchor generator in the config
 */
export function checkAnchors(share: number, posIouThr: number, path: string): Problem[] {
  if (!(share < LEAST_SHARE)) return [];
  return [
    {
      severity: 'warning',
      code: 'anchors-miss-boxes',
      message: `the anchors should reach the objects, but only ${(100 * share).toFixed(1)} % of the boxes have one with an IoU of at least ${posIouThr}`,
      path,
      hint: 'small objects: raise img_scale, lower octave_base_scale (or scales), or cut the pictures into tiles',
    },
  ];
}

/** Distance to the nearest multiple of `stride` that is not negative. */
function offGrid(distance: number, stride: number): number {
  return Math.abs(distance - Math.max(0, Math.round(distance / stride)) * stride);
}

/** Of two boxes whose centres are `dx`, `dy` apart. */
function iou(
  a: { readonly w: number; readonly h: number },
  b: { readonly w: number; readonly h: number },
  dx: number,
  dy: number,
): number {
  const w = Math.min(a.w, b.w, (a.w + b.w) / 2 - dx);
  const h = Math.min(a.h, b.h, (a.h + b.h) / 2 - dy);
  if (w <= 0 || h <= 0) return 0;
  return (w * h) / (a.w * a.h + b.w * b.h - w * h);
}
