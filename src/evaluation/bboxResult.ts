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
      for (let at = 0; at < rows.length; at += 5) {
        detections.push({
          image_id: imageIds[i],
          category_id: categoryIds[label],
          bbox: xywh(rows, at),
          score: rows[at + 4],
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

function xywh(rows: Float32Array, at: number): number[] {
  return [rows[at], rows[at + 1], rows[at + 2] - rows[at], rows[at + 3] - rows[at + 1]];
}
