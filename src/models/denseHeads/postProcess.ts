// From scores and deltas to the boxes of one picture.
// Source: mmdet 2.28.2 `models/dense_heads/base_dense_head.py` `_get_bboxes_single`, `_bbox_post_process`.

import {
  atLeast,
  declareArgs,
  dictOf,
  dictWithDefaults,
  int,
  number,
  optional,
  orNone,
  type DictOf,
} from '../../registry/index.ts';
import type { BBoxCoder } from '../bbox/deltaXYWHBBoxCoder.ts';
import type { Boxes } from '../bbox/iou.ts';
import { batchedNms, takeDetections, NMS_CFG, takeRows, type Detections, type NmsCfg } from '../bbox/nms.ts';
import type { ImageMeta } from '../detectors/batch.ts';
import { at as itemAt } from '../../util/at.ts';

/** Keys of a `test_cfg`. */
export const TEST_CFG_ARGS = declareArgs(
  {
    nms_pre: optional(
      number,
      -1,
      'How many (box, class) pairs of each level go on; 0 or less: all.',
      'pairs',
    ),
    score_thr: optional(number, 0, 'Pairs must score above this.'),
    nms: optional(orNone(NMS_CFG), null, 'How overlapping boxes are dropped; None: not at all.'),
    max_per_img: optional(
      orNone(atLeast(int, 1)),
      null,
      'How many boxes of a picture are kept; None: all.',
      'boxes',
    ),
  },
  // MMDetection's heads pick what they know out of it.
  { rest: true },
);

/** Of the `test_cfg` of a dense head. */
export const TEST_CFG = dictOf(TEST_CFG_ARGS);

/** How a dense head picks its boxes. */
export interface TestCfg {
  readonly nmsPre: number;
  readonly scoreThr: number;
  readonly nms: NmsCfg | null;
  /** Null: all. */
  readonly maxPerImg: number | null;
}

/** Read a `test_cfg` dict. */
export function readTestCfg(cfg: DictOf<typeof TEST_CFG_ARGS.table>): TestCfg {
  const { nms_pre, score_thr, nms, max_per_img } = dictWithDefaults(TEST_CFG_ARGS, cfg);
  return { nmsPre: nms_pre, scoreThr: score_thr, nms, maxPerImg: max_per_img };
}

/** One level's predictions for one picture. */
export interface LevelPredictions {
  /** float32 [N, 4], xyxy, px. */
  readonly anchors: Boxes;
  /** float32 [N, K], in [0, 1]. */
  readonly scores: Float32Array;
  /** float32 [N, 4]. */
  readonly deltas: Float32Array;
  /** float32 [N]: scores are multiplied by it once pairs are picked; absent: they are not. */
  readonly factors?: Float32Array;
}

export interface SelectOptions {
  readonly numClasses: number;
  readonly decode: BBoxCoder['decode'];
  readonly meta: ImageMeta;
  readonly cfg: TestCfg;
  /** True: boxes in px of the original picture. */
  readonly rescale: boolean;
}

/** Take each level's best pairs, decode their boxes, suppress overlapping ones of a class, keep the best. */
export function selectDetections(levels: readonly LevelPredictions[], options: SelectOptions): Detections {
  const { numClasses, decode, meta, cfg, rescale } = options;
  const parts = levels.map(({ anchors, scores, deltas, factors }): Detections => {
    const picked = topPairs(scores, cfg.scoreThr, cfg.nmsPre);
    const rows = picked.map((pair) => Math.floor(pair / numClasses));
    return {
      boxes: decode(takeRows(anchors, rows), takeRows(deltas, rows), meta.img_shape),
      scores: Float32Array.from(
        picked,
        (pair, i) => itemAt(scores, pair) * (factors ? itemAt(factors, itemAt(rows, i)) : 1),
      ),
      labels: Int32Array.from(picked, (pair) => pair % numClasses),
    };
  });
  const all = concatDetections(parts);
  if (rescale) divideByScale(all.boxes, meta.scale_factor);
  const keep = batchedNms(all.boxes, all.scores, all.labels, cfg.nms);
  return takeDetections(all, keep.subarray(0, cfg.maxPerImg ?? undefined));
}

/** Flat indices (anchor * K + class) of the best scores above the threshold, best first. */
function topPairs(scores: Float32Array, scoreThr: number, nmsPre: number): number[] {
  const threshold = Math.fround(scoreThr);
  const above: number[] = [];
  for (let i = 0; i < scores.length; i++) if (itemAt(scores, i) > threshold) above.push(i);
  above.sort((a, b) => itemAt(scores, b) - itemAt(scores, a) || a - b);
  return nmsPre > 0 ? above.slice(0, nmsPre) : above;
}

function concatDetections(parts: readonly Detections[]): Detections {
  const count = parts.reduce((sum, part) => sum + part.scores.length, 0);
  const all: Detections = {
    boxes: new Float32Array(count * 4),
    scores: new Float32Array(count),
    labels: new Int32Array(count),
  };
  let at = 0;
  for (const part of parts) {
    all.boxes.set(part.boxes, at * 4);
    all.scores.set(part.scores, at);
    all.labels.set(part.labels, at);
    at += part.scores.length;
  }
  return all;
}

function divideByScale(boxes: Boxes, scale: number | ArrayLike<number>): void {
  for (let k = 0; k < boxes.length; k++)
    boxes[k] = itemAt(boxes, k) / Math.fround(typeof scale === 'number' ? scale : itemAt(scale, k % 4));
}
