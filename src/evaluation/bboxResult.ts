import { at, take } from '../util/at.ts';
import type { CocoDetection, ImageId } from './cocoTypes.ts';

/**
 * Detections of one image: per class, float32 [N, 5] rows [x1, y1, x2, y2, score], absolute px of the
 * original picture. MMDetection's `bbox2result`.
 */
export type BboxResult = readonly Float32Array[];

/**
 * Turn results into COCO detections, image by image, class by class.
 * @param results one per image id
 * @param categoryIds COCO category id of each class
 * Source: mmdet 2.28.2 `CocoDataset._det2json`.
 */
export function resultsToCocoDetections(
  results: readonly BboxResult[],
  imageIds: readonly ImageId[],
  categoryIds: readonly number[],
): CocoDetection[] {
  const detections: CocoDetection[] = [];
  results.forEach((perClass, i) => {
    perClass.forEach((rows, label) => {
      for (let start = 0; start < rows.length; start += 5) {
        detections.push({
          image_id: at(imageIds, i),
          category_id: at(categoryIds, label),
          bbox: xywh(rows, start),
          score: at(rows, start + 4),
        });
      }
    });
  });
  return detections;
}

/**
 * Turn class-less proposals into COCO detections, all of category 1.
 * @param proposals per image float32 [N, 5]
 * Source: mmdet 2.28.2 `CocoDataset._proposal2json`.
 */
export function proposalsToCocoDetections(
  proposals: readonly Float32Array[],
  imageIds: readonly ImageId[],
): CocoDetection[] {
  return resultsToCocoDetections(
    proposals.map((rows) => [rows]),
    imageIds,
    [1],
  );
}

function xywh(rows: Float32Array, start: number): number[] {
  const [x1, y1, x2, y2] = take(rows.subarray(start), 4);
  return [x1, y1, x2 - x1, y2 - y1];
}
