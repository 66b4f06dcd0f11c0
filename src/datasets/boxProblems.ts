// What training leaves out of the boxes of an annotation file.

import type { DatasetIndex } from '../contracts/datasetIndex.ts';
import type { Problem } from '../contracts/problem.ts';

/** Share of boxes within the unit square from which they are taken for fractions of the picture. */
const FRACTIONS_SHARE = 0.9;

/**
 * Tell boxes without area, boxes in fractions, and a file without boxes.
 * @param labels by category of the index: its label, or -1 where it is no class
 * @returns each kind once, with how many and the first one; without a path
 */
export function boxProblems(
  index: DatasetIndex,
  labels: Int32Array,
  { path, isTraining }: { readonly path: string; readonly isTraining: boolean },
): Problem[] {
  const { boxes, areas, boxCategories, boxStarts, fileNames } = index;
  let [counted, thin, fractions, firstThin] = [0, 0, 0, -1];
  for (let row = 0; row < areas.length; row++) {
    if ((labels[boxCategories[row] ?? -1] ?? -1) < 0) continue;
    counted += 1;
    const [x = 0, y = 0, w = 0, h = 0] = boxes.subarray(4 * row, 4 * row + 4);
    if (w > 0 && h > 0 && x + w <= 1.001 && y + h <= 1.001) fractions += 1;
    if ((areas[row] ?? 0) > 0 && w >= 1 && h >= 1) continue;
    if (thin === 0) firstThin = row;
    thin += 1;
  }
  if (counted === 0) {
    if (isTraining) return [];
    return [
      {
        severity: 'warning',
        code: 'no-boxes',
        message: `${path} has no boxes of the classes, so that every mAP on it will be -1 or NaN and no checkpoint the best`,
        hint: 'evaluate on a labelled set; the test set of a challenge comes without boxes',
      },
    ];
  }
  if (fractions >= FRACTIONS_SHARE * counted) {
    return [
      {
        severity: 'error',
        code: 'boxes-in-fractions',
        message: `the boxes of ${path} must be in px, but ${fractions} of ${counted} lie within 1 x 1 px: they are fractions of the pictures`,
        hint: 'Import data turns them into px',
      },
    ];
  }
  if (!isTraining || thin === 0) return [];
  const picture = boxStarts.findIndex((start) => start > firstThin) - 1;
  return [
    {
      severity: 'warning',
      code: 'boxes-without-area',
      message: `training leaves out ${thin} of the ${counted} boxes of ${path}: they have no area or a side below 1 px (the first: annotation ${index.boxIds[firstThin] ?? ''} of ${fileNames[picture] ?? ''})`,
      hint: 'correct or delete them in the file',
    },
  ];
}
