// Recall of class-less proposals at several IoU thresholds and proposal counts.

import { at } from '../util/at.ts';
import { boxOverlaps, rowCount, type BoxRows } from './boxOverlaps.ts';

export interface RecallOptions {
  /** Best proposals kept per image, ascending. */
  readonly proposalNums: readonly number[];
  readonly iouThrs: readonly number[];
  /** Widths and heights count both edge pixels. Default false. */
  readonly useLegacyCoordinate?: boolean;
}

/**
 * Recall per proposal count and IoU threshold; each ground truth takes one proposal, best pair first.
 * @param gts per image, xyxy, absolute px
 * @param proposals per image; rows with a score (stride 5) are sorted by it, others are taken in order
 * @returns [proposalNums][iouThrs]; NaN when there is no ground truth at all
 * Source: mmdet 2.28.2 `eval_recalls`.
 */
export function evalRecalls(
  gts: readonly BoxRows[],
  proposals: readonly BoxRows[],
  { proposalNums, iouThrs, useLegacyCoordinate = false }: RecallOptions,
): number[][] {
  const extra = useLegacyCoordinate ? 1 : 0;
  const most = proposalNums[proposalNums.length - 1] ?? 0;
  const matched: number[][] = proposalNums.map(() => []);
  gts.forEach((gt, i) => {
    const rows = rowCount(gt);
    if (rows === 0) return;
    const kept = sortedByScore(at(proposals, i), most);
    const columns = rowCount(kept);
    const ious = boxOverlaps(gt, kept, extra);
    proposalNums.forEach((count, k) => {
      for (const iou of bestPairs(ious, rows, columns, Math.min(count, columns))) at(matched, k).push(iou);
    });
  });
  const total = gts.reduce((sum, gt) => sum + rowCount(gt), 0);
  // The IoUs are float32 arrays in NumPy, so the threshold is rounded to float32 before it is compared.
  return matched.map((ious) =>
    iouThrs.map((thr) => ious.filter((iou) => iou >= Math.fround(thr)).length / total),
  );
}

/** The best proposals; equal scores come in reverse order, as a reversed stable sort leaves them. */
function sortedByScore(boxes: BoxRows, limit: number): BoxRows {
  const { data, stride } = boxes;
  const count = rowCount(boxes);
  if (stride === 4) return { data: data.slice(0, Math.min(limit, count) * 4), stride };
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => at(data, a * 5 + 4) - at(data, b * 5 + 4) || a - b,
  );
  order.reverse();
  const kept = new Float32Array(Math.min(limit, count) * 5);
  for (const [i, row] of order.slice(0, limit).entries())
    kept.set(data.subarray(row * 5, row * 5 + 5), i * 5);
  return { data: kept, stride };
}

/** IoU of each greedily chosen pair: one per ground truth, 0 without proposals, -1 when they run out. */
function bestPairs(ious: Float32Array, rows: number, stride: number, columns: number): number[] {
  if (columns === 0) return new Array<number>(rows).fill(0);
  const rowUsed = new Uint8Array(rows);
  const columnUsed = new Uint8Array(columns);
  /** Of each row: its best column that isn't used yet, -1 where none is left, and the IoU there. */
  const best = new Int32Array(rows).fill(-1);
  const bestIou = new Float32Array(rows);
  const findBest = (row: number): void => {
    let column = -1;
    let top = 0;
    for (const [j, iou] of ious.subarray(row * stride, row * stride + columns).entries()) {
      if (columnUsed[j] || (column !== -1 && !(iou > top))) continue;
      column = j;
      top = iou;
    }
    best[row] = column;
    bestIou[row] = top;
  };
  for (let row = 0; row < rows; row++) findBest(row);
  const pairs: number[] = [];
  for (let n = 0; n < rows; n++) {
    let top = -1;
    let topIou = 0;
    for (const [row, iou] of bestIou.entries()) {
      if (rowUsed[row] || best[row] === -1 || (top !== -1 && !(iou > topIou))) continue;
      top = row;
      topIou = iou;
    }
    if (top === -1) {
      pairs.push(-1);
      continue;
    }
    const column = at(best, top);
    pairs.push(topIou);
    rowUsed[top] = 1;
    columnUsed[column] = 1;
    for (let row = 0; row < rows; row++) if (!rowUsed[row] && best[row] === column) findBest(row);
  }
  return pairs;
}
