// Which ground truth each anchor answers for. Source: mmdet 2.28.2 `core/bbox/assigners/max_iou_assigner.py`.

import {
  absent,
  BBOX_ASSIGNERS,
  built,
  declareArgs,
  either,
  flag,
  number,
  optional,
  pairOf,
  required,
  withDefaults,
  type ArgsOf,
  type BuildContext,
  type Complete,
} from '../../registry/index.ts';
import { BboxOverlaps2D, type Boxes, type IouCalculator } from './iou.ts';
import { f32At, i32At } from '../../util/at.ts';

export interface AssignResult {
  readonly numGts: number;
  /** Per anchor: -1 ignored, 0 background, k > 0 ground truth k - 1. */
  readonly gtInds: Int32Array;
  /** float32 per anchor: its largest overlap with any ground truth. */
  readonly maxOverlaps: Float32Array;
  /** Per anchor: the label of its ground truth, -1 without one; null when no labels were given. */
  readonly labels: Int32Array | null;
}

export interface Assigner {
  /** @param counts how many of the boxes each level has, for those that go by levels */
  assign(
    boxes: Boxes,
    gtBoxes: Boxes,
    gtBoxesIgnore: Boxes | null,
    gtLabels: Int32Array | null,
    counts?: readonly number[],
  ): AssignResult;
}

const MAX_IOU_ARGS = declareArgs({
  pos_iou_thr: required(number, 'From this overlap on, an anchor belongs to a ground truth.'),
  neg_iou_thr: required(
    either(number, pairOf(number)),
    'Below this overlap an anchor is background; (low, high): where low <= overlap < high.',
  ),
  min_pos_iou: optional(number, 0, 'The least overlap with which a ground truth takes its nearest anchors.'),
  gt_max_assign_all: optional(flag, true, 'Whether a ground truth takes all of its nearest anchors, or one.'),
  ignore_iof_thr: optional(
    number,
    -1,
    'Anchors that lie in ignored boxes by more than this share are ignored; 0 or less: none.',
  ),
  ignore_wrt_candidates: optional(
    flag,
    true,
    "Whether that is a share of the anchor's area, or of the box's.",
  ),
  match_low_quality: optional(flag, true, 'Whether each ground truth takes the anchors nearest to it.'),
  gpu_assign_thr: absent(number, 'Changes nothing: anchors are assigned on the CPU.'),
  iou_calculator: optional(built('IOU_CALCULATORS'), { type: 'BboxOverlaps2D' }, 'How boxes overlap.'),
});

/**
 * Assign by the largest overlap, in four steps: all ignored; background where the largest overlap is below
 * `neg_iou_thr`; the best ground truth where it reaches `pos_iou_thr`; last, each ground truth takes the anchors
 * nearest to it (`match_low_quality`).
 */
export class MaxIoUAssigner implements Assigner {
  static readonly args = MAX_IOU_ARGS;
  readonly #args: Omit<Complete<typeof MAX_IOU_ARGS>, 'iouCalculator' | 'negIouThr' | 'gpuAssignThr'>;
  readonly #negRange: readonly [number, number];
  readonly #calculator: IouCalculator;

  constructor(args: ArgsOf<typeof MAX_IOU_ARGS>, context?: BuildContext) {
    const { iouCalculator, negIouThr, gpuAssignThr: _, ...rest } = withDefaults(MAX_IOU_ARGS, args);
    // PyTorch compares float32 overlaps with thresholds rounded to float32.
    this.#args = {
      ...rest,
      posIouThr: Math.fround(rest.posIouThr),
      minPosIou: Math.fround(rest.minPosIou),
      ignoreIofThr: Math.fround(rest.ignoreIofThr),
    };
    const [low, high] = typeof negIouThr === 'number' ? [0, negIouThr] : negIouThr;
    this.#negRange = [Math.fround(low), Math.fround(high)];
    this.#calculator =
      context?.build<IouCalculator>('IOU_CALCULATORS', iouCalculator, 'iou_calculator') ??
      new BboxOverlaps2D();
  }

  /**
   * @param boxes anchors, float32 [N, 4], xyxy, px
   * @param gtBoxes float32 [G, 4], xyxy, px
   * @param gtBoxesIgnore float32 [I, 4], xyxy, px; anchors mostly inside them are ignored when `ignore_iof_thr` > 0
   * @param gtLabels int32 [G]
   */
  assign(
    boxes: Boxes,
    gtBoxes: Boxes,
    gtBoxesIgnore: Boxes | null,
    gtLabels: Int32Array | null,
  ): AssignResult {
    const overlaps = this.#calculator.overlaps(gtBoxes, boxes);
    if (gtBoxesIgnore && gtBoxesIgnore.length > 0 && boxes.length > 0 && this.#args.ignoreIofThr > 0)
      this.#maskIgnored(overlaps, boxes, gtBoxesIgnore);
    return this.#assignOverlaps(overlaps, gtBoxes.length / 4, boxes.length / 4, gtLabels);
  }

  #maskIgnored(overlaps: Float32Array, boxes: Boxes, ignore: Boxes): void {
    const n = boxes.length / 4;
    const m = ignore.length / 4;
    const byCandidate = this.#args.ignoreWrtCandidates;
    const iof = byCandidate
      ? this.#calculator.overlaps(boxes, ignore, 'iof')
      : this.#calculator.overlaps(ignore, boxes, 'iof');
    for (let i = 0; i < n; i++) {
      let largest = -Infinity;
      for (let j = 0; j < m; j++)
        largest = Math.max(largest, byCandidate ? f32At(iof, i * m + j) : f32At(iof, j * n + i));
      if (largest > this.#args.ignoreIofThr) for (let g = i; g < overlaps.length; g += n) overlaps[g] = -1;
    }
  }

  #assignOverlaps(overlaps: Float32Array, g: number, n: number, gtLabels: Int32Array | null): AssignResult {
    const gtInds = new Int32Array(n).fill(-1);
    const maxOverlaps = new Float32Array(n);
    if (g === 0 || n === 0) {
      // Without ground truth everything is background.
      if (g === 0) gtInds.fill(0);
      return { numGts: g, gtInds, maxOverlaps, labels: gtLabels && new Int32Array(n).fill(-1) };
    }
    const [negLow, negHigh] = this.#negRange;
    const best = new Int32Array(n);
    maxOverlaps.set(overlaps.subarray(0, n));
    for (let k = 1; k < g; k++) {
      const row = overlaps.subarray(k * n, (k + 1) * n);
      for (let i = 0; i < n; i++) {
        if (f32At(row, i) > f32At(maxOverlaps, i)) {
          maxOverlaps[i] = f32At(row, i);
          best[i] = k;
        }
      }
    }
    for (let i = 0; i < n; i++) {
      const largest = f32At(maxOverlaps, i);
      if (largest >= negLow && largest < negHigh) gtInds[i] = 0;
      if (largest >= this.#args.posIouThr) gtInds[i] = i32At(best, i) + 1;
    }
    if (this.#args.matchLowQuality) this.#matchLowQuality(overlaps, g, n, gtInds);
    const labels = gtLabels && gtInds.map((k) => (k > 0 ? i32At(gtLabels, k - 1) : -1));
    return { numGts: g, gtInds, maxOverlaps, labels };
  }

  /** A later ground truth takes an anchor from an earlier one even if it overlaps it less, as in MMDetection. */
  #matchLowQuality(overlaps: Float32Array, g: number, n: number, gtInds: Int32Array): void {
    for (let k = 0; k < g; k++) {
      const row = overlaps.subarray(k * n, (k + 1) * n);
      let best = 0;
      for (let i = 1; i < n; i++) if (f32At(row, i) > f32At(row, best)) best = i;
      const largest = f32At(row, best);
      if (!(largest >= this.#args.minPosIou)) continue;
      if (!this.#args.gtMaxAssignAll) gtInds[best] = k + 1;
      else for (let i = 0; i < n; i++) if (row[i] === largest) gtInds[i] = k + 1;
    }
  }
}

BBOX_ASSIGNERS.registerModule()(MaxIoUAssigner);
