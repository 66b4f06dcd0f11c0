// Adaptive training sample selection. Source: Zhang et al., "Bridging the Gap …", 2020; mmdet 2.28.2
// `core/bbox/assigners/atss_assigner.py`.

import {
  absent,
  atLeast,
  BBOX_ASSIGNERS,
  built,
  declareArgs,
  int,
  number,
  optional,
  required,
  unsupported,
  withDefaults,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import { f32At, i32At } from '../../util/at.ts';
import { centersOf } from './distancePointBBoxCoder.ts';
import { BboxOverlaps2D, type Boxes, type IouCalculator } from './iou.ts';
import type { AssignResult, Assigner } from './maxIoUAssigner.ts';
import { smallest } from './torchTopk.ts';

const f = Math.fround;
/** How far inside a box a centre must lie, px. */
const MIN_INSIDE = f(0.01);

const ATSS_ARGS = declareArgs({
  topk: required(atLeast(int, 1), 'How many of the nearest anchors of each level are candidates.', 'anchors'),
  alpha: absent(unsupported(), "DDOD's mixture of scores and overlaps."),
  iou_calculator: optional(built('IOU_CALCULATORS'), { type: 'BboxOverlaps2D' }, 'How boxes overlap.'),
  ignore_iof_thr: optional(
    number,
    -1,
    'Anchors that lie in ignored boxes by more than this share are ignored; 0 or less: none.',
  ),
});

/**
 * Each ground truth looks at the `topk` anchors of each level whose centres are nearest to its own, and takes those that overlap
 * it by at least the mean plus the spread of these overlaps and have their centre inside. An anchor that several want goes to
 * the one that it overlaps most.
 */
export class ATSSAssigner implements Assigner {
  static readonly args = ATSS_ARGS;
  readonly #topk: number;
  readonly #ignoreIofThr: number;
  readonly #calculator: IouCalculator;

  constructor(args: ArgsOf<typeof ATSS_ARGS>, context?: BuildContext) {
    const { topk, ignoreIofThr, iouCalculator } = withDefaults(ATSS_ARGS, args);
    this.#topk = topk;
    this.#ignoreIofThr = f(ignoreIofThr);
    this.#calculator =
      context?.build<IouCalculator>('IOU_CALCULATORS', iouCalculator, 'iou_calculator') ??
      new BboxOverlaps2D();
  }

  /**
   * @param boxes anchors, float32 [N, 4], xyxy, px, level by level
   * @param gtBoxes float32 [G, 4], xyxy, px
   * @param gtBoxesIgnore float32 [I, 4], xyxy, px
   * @param gtLabels int32 [G]
   * @param counts anchors of each level; default: one level
   */
  assign(
    boxes: Boxes,
    gtBoxes: Boxes,
    gtBoxesIgnore: Boxes | null,
    gtLabels: Int32Array | null,
    counts: readonly number[] = [boxes.length / 4],
  ): AssignResult {
    const [n, g] = [boxes.length / 4, gtBoxes.length / 4];
    const gtInds = new Int32Array(n);
    const maxOverlaps = new Float32Array(n);
    const overlaps = this.#calculator.overlaps(gtBoxes, boxes);
    const ignored = this.#ignored(boxes, gtBoxesIgnore);
    if (g > 0) for (let i = 0; i < n; i++) if (ignored[i]) gtInds[i] = -1;
    const [centers, gtCenters] = [centersOf(boxes), centersOf(gtBoxes)];
    const best = new Float32Array(n).fill(-Infinity);
    for (let k = 0; k < g; k++) {
      const row = overlaps.subarray(k * n, (k + 1) * n);
      const candidates = this.#candidates(centers, gtCenters.subarray(k * 2, k * 2 + 2), counts, ignored);
      const threshold = meanPlusSpread(candidates.map((i) => f32At(row, i)));
      for (const i of candidates) {
        const overlap = f32At(row, i);
        if (!(overlap >= threshold) || !isInside(centers, i, gtBoxes, k)) continue;
        // Of equal ones the first ground truth.
        if (overlap <= f32At(best, i)) continue;
        best[i] = overlap;
        gtInds[i] = k + 1;
        maxOverlaps[i] = overlap;
      }
    }
    // What no ground truth takes has MMDetection's -inf.
    if (g > 0) for (let i = 0; i < n; i++) if (best[i] === -Infinity) maxOverlaps[i] = -Infinity;
    const labels = gtLabels && gtInds.map((k) => (k > 0 ? i32At(gtLabels, k - 1) : -1));
    return { numGts: g, gtInds, maxOverlaps, labels };
  }

  /** Indices of the anchors nearest to a point, level by level. */
  #candidates(
    centers: Float32Array,
    [x = 0, y = 0]: Float32Array,
    counts: readonly number[],
    ignored: Uint8Array,
  ): number[] {
    const found: number[] = [];
    let start = 0;
    for (const count of counts) {
      const from = start;
      const distances = Float32Array.from({ length: count }, (_, i) => {
        const [dx, dy] = [f(f32At(centers, (from + i) * 2) - x), f(f32At(centers, (from + i) * 2 + 1) - y)];
        return ignored[from + i] ? Infinity : f(Math.sqrt(f(f(dx * dx) + f(dy * dy))));
      });
      found.push(...smallest(distances, Math.min(this.#topk, count)).map((i) => from + i));
      start += count;
    }
    return found;
  }

  #ignored(boxes: Boxes, ignore: Boxes | null): Uint8Array {
    const flags = new Uint8Array(boxes.length / 4);
    if (!ignore || ignore.length === 0 || !(this.#ignoreIofThr > 0)) return flags;
    const m = ignore.length / 4;
    const iof = this.#calculator.overlaps(boxes, ignore, 'iof');
    return flags.map((_, i) => Number(iof.subarray(i * m, (i + 1) * m).some((x) => x > this.#ignoreIofThr)));
  }
}

/** The mean and PyTorch's standard deviation (n - 1), in float32. */
function meanPlusSpread(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return f(f(mean) + f(Math.sqrt(square)));
}

function isInside(centers: Float32Array, i: number, boxes: Boxes, k: number): boolean {
  const [x, y] = [f32At(centers, i * 2), f32At(centers, i * 2 + 1)];
  const sides = [
    x - f32At(boxes, k * 4),
    y - f32At(boxes, k * 4 + 1),
    f32At(boxes, k * 4 + 2) - x,
    f32At(boxes, k * 4 + 3) - y,
  ];
  return f(Math.min(...sides)) > MIN_INSIDE;
}

BBOX_ASSIGNERS.registerModule()(ATSSAssigner);
