// An import that leaves nothing to train on.

import { DatasetError } from '../errors/index.ts';
import type { CleanImage } from './boxes.ts';
import type { Findings } from './findings.ts';
import type { RawDataset } from './types.ts';

const MAX_REASONS = 3;

/**
 * Refuse a dataset without a box that can be trained on. Some are kept, with a warning: pictures alone, what was
 * skipped by name or is in another unit, since the report says more than a refusal could; and, without one, named YOLO classes with
 * empty label files, which say that there are no objects.
 * @throws DatasetError `nothing-left`
 */
export function tellIfNothingIsLeft(
  dataset: RawDataset,
  images: readonly CleanImage[],
  findings: Findings,
): void {
  if (images.some((image) => image.boxes.some((box) => !box.isCrowd))) return;
  const isBackground =
    dataset.format === 'yolo' && dataset.categories.length > 0 && images.length > 0 && !hasBoxes(dataset);
  if (isBackground && !findings.list('notes').some(({ code }) => code === 'no-label')) return;
  const warnings = findings.list('warnings');
  const isToldElsewhere =
    dataset.format === 'images' ||
    findings.list('skipped').length > 0 ||
    warnings.some(({ code }) => code === 'looks-normalised');
  if (isToldElsewhere) {
    const [item, what] = images.length === 0 ? ['images', 'picture'] : ['boxes', 'box'];
    findings.warn('nothing-left', item, `no usable ${what} is left: there is nothing to train on`);
    return;
  }
  const reasons = warnings.slice(0, MAX_REASONS).map(({ message }) => message);
  const crowds = images.reduce((sum, image) => sum + image.boxes.length, 0);
  if (crowds > 0)
    reasons.unshift(`all ${crowds} boxes are marked difficult or as crowds, which are not learned`);
  const seen = images.length === 1 ? '1 picture' : `${images.length} pictures`;
  throw new DatasetError(
    `a dataset must have a box to train on, but none is left on ${seen}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`,
    {
      code: 'nothing-left',
      hint: 'look at the annotations: are they those of these pictures, with boxes in them?',
    },
  );
}

const hasBoxes = (dataset: RawDataset): boolean => dataset.images.some((image) => image.boxes.length > 0);
