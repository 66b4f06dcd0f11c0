// What each anchor should predict, worked out on the CPU from static anchors.
// Source: mmdet 2.28.2 `models/dense_heads/anchor_head.py` `get_targets`.

import { RunError } from '../../errors/index.ts';
import type { BBoxCoder } from '../bbox/deltaXYWHBBoxCoder.ts';
import type { Boxes } from '../bbox/iou.ts';
import type { Assigner } from '../bbox/maxIoUAssigner.ts';
import type { Sampler } from '../bbox/pseudoSampler.ts';
import { takeRows } from '../bbox/nms.ts';
import type { ImageMeta } from '../detectors/batch.ts';
import { at as itemAt, i32At, take } from '../../util/at.ts';

export interface TargetRules {
  readonly assigner: Assigner;
  readonly sampler: Sampler;
  readonly coder: Pick<BBoxCoder, 'encode'>;
  readonly numClasses: number;
  /** Boxes themselves are the targets, not their deltas. */
  readonly regDecodedBbox: boolean;
  /** How far an anchor may reach over the picture's edge, px; -1: anywhere. */
  readonly allowedBorder: number;
  /** Weight of anchors with an object; <= 0: 1. */
  readonly posWeight: number;
}

/** Targets of one picture for all its anchors, or of one level for all pictures. */
export interface AnchorTargets {
  /** int32 [N]; `numClasses` is background. */
  readonly labels: Int32Array;
  /** float32 [N]. */
  readonly labelWeights: Float32Array;
  /** float32 [N, 4]. */
  readonly bboxTargets: Float32Array;
  /** float32 [N, 4]. */
  readonly bboxWeights: Float32Array;
}

export interface ImageTargets extends AnchorTargets {
  readonly numPos: number;
  readonly numNeg: number;
}

export interface ImageGroundTruth {
  readonly meta: ImageMeta;
  readonly boxes: Boxes;
  readonly labels: Int32Array;
  readonly ignore: Boxes | null;
}

/**
 * Targets of one picture.
 * @param anchors float32 [N, 4] of all levels, xyxy, px
 * @param valid 0 or 1 per anchor: its cell is inside the padded picture
 * @param counts anchors of each level
 * @throws RunError when no anchor is inside the picture
 */
export function imageTargets(
  anchors: Boxes,
  valid: Uint8Array,
  counts: readonly number[],
  truth: ImageGroundTruth,
  rules: TargetRules,
): ImageTargets {
  const n = anchors.length / 4;
  const inside = insideAnchors(anchors, valid, truth.meta.img_shape, rules.allowedBorder);
  if (inside !== null && inside.length === 0) {
    throw new RunError('there is no valid anchor inside the image boundary', {
      code: 'no-valid-anchor',
      hint: 'check the image size and anchor sizes, or set train_cfg.allowed_border=-1 to skip the check',
    });
  }
  const candidates = inside === null ? anchors : takeRows(anchors, inside);
  const assigned = rules.assigner.assign(
    candidates,
    truth.boxes,
    truth.ignore,
    truth.labels,
    inside === null ? counts : insideCounts(inside, counts),
  );
  const { posInds, negInds, posAssignedGtInds } = rules.sampler.sample(assigned);
  const place = (i: number): number => (inside === null ? i : itemAt(inside, i));

  const labels = new Int32Array(n).fill(rules.numClasses);
  const labelWeights = new Float32Array(n);
  const bboxTargets = new Float32Array(n * 4);
  const bboxWeights = new Float32Array(n * 4);
  const matched = takeRows(truth.boxes, [...posAssignedGtInds]);
  const targets = rules.regDecodedBbox
    ? matched
    : rules.coder.encode(takeRows(candidates, [...posInds]), matched);
  posInds.forEach((i, k) => {
    const p = place(i);
    bboxTargets.set(targets.subarray(k * 4, k * 4 + 4), p * 4);
    bboxWeights.fill(1, p * 4, p * 4 + 4);
    labels[p] = i32At(truth.labels, i32At(posAssignedGtInds, k));
    labelWeights[p] = rules.posWeight <= 0 ? 1 : rules.posWeight;
  });
  for (const i of negInds) labelWeights[place(i)] = 1;
  return { labels, labelWeights, bboxTargets, bboxWeights, numPos: posInds.length, numNeg: negInds.length };
}

/**
 * Regroup the targets of pictures by level: each level's anchors of picture 0, then of picture 1…
 * @param counts anchors of each level
 */
export function targetsByLevel(images: readonly AnchorTargets[], counts: readonly number[]): AnchorTargets[] {
  let start = 0;
  return counts.map((count) => {
    const level: AnchorTargets = {
      labels: new Int32Array(count * images.length),
      labelWeights: new Float32Array(count * images.length),
      bboxTargets: new Float32Array(count * images.length * 4),
      bboxWeights: new Float32Array(count * images.length * 4),
    };
    images.forEach((image, b) => {
      level.labels.set(image.labels.subarray(start, start + count), b * count);
      level.labelWeights.set(image.labelWeights.subarray(start, start + count), b * count);
      const [from, to, at] = [start * 4, (start + count) * 4, b * count * 4];
      level.bboxTargets.set(image.bboxTargets.subarray(from, to), at);
      level.bboxWeights.set(image.bboxWeights.subarray(from, to), at);
    });
    start += count;
    return level;
  });
}

/** How many of the anchors that take part each level has. */
function insideCounts(inside: readonly number[], counts: readonly number[]): number[] {
  let end = 0;
  let done = 0;
  return counts.map((count) => {
    end += count;
    const before = done;
    while (done < inside.length && itemAt(inside, done) < end) done += 1;
    return done - before;
  });
}

/** Indices of the anchors that take part; null when all do. */
function insideAnchors(
  anchors: Boxes,
  valid: Uint8Array,
  shape: readonly number[],
  border: number,
): number[] | null {
  const [height, width] = take(shape, 2);
  if (border < 0 && !valid.includes(0)) return null;
  const inside: number[] = [];
  valid.forEach((flag, i) => {
    if (!flag) return;
    const k = i * 4;
    const fits =
      border < 0 ||
      (itemAt(anchors, k) >= -border &&
        itemAt(anchors, k + 1) >= -border &&
        itemAt(anchors, k + 2) < width + border &&
        itemAt(anchors, k + 3) < height + border);
    if (fits) inside.push(i);
  });
  return inside;
}
