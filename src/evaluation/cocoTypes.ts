// The shapes of COCO ground truth and detections, as their JSON files have them (snake_case is COCO's).

/** COCO image ids are numbers; some exporters write strings. */
export type ImageId = number | string;

export interface CocoAnnotation {
  /** 1-based by convention; a match with an annotation whose id is 0 doesn't count (see cocoMatch.ts). */
  readonly id?: number;
  readonly image_id: ImageId;
  readonly category_id: number;
  /** [x, y, width, height], absolute px. */
  readonly bbox: readonly number[];
  /** px^2; the box's area when absent. */
  readonly area?: number;
  readonly iscrowd?: number | boolean;
  readonly ignore?: number | boolean;
}

export interface CocoCategory {
  readonly id: number;
  readonly name?: string;
}

export interface CocoGroundTruth {
  readonly images: readonly { readonly id: ImageId }[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories: readonly CocoCategory[];
}

export interface CocoDetection {
  readonly image_id: ImageId;
  readonly category_id: number;
  /** [x, y, width, height], absolute px. */
  readonly bbox: readonly number[];
  readonly score: number;
}

/** COCOeval's parameters; what is left out takes its default. */
export interface CocoEvalParams {
  /** Images to evaluate; all of the ground truth's by default. */
  readonly imageIds?: readonly ImageId[];
  /** Categories to evaluate; all of the ground truth's by default. */
  readonly categoryIds?: readonly number[];
  /** IoU thresholds; 0.50, 0.55, ... 0.95 by default. */
  readonly iouThrs?: readonly number[];
  /** Recall thresholds, ascending; 0, 0.01, ... 1 by default. */
  readonly recThrs?: readonly number[];
  /** Detections kept per image and category, ascending; [1, 10, 100] by default. */
  readonly maxDets?: readonly number[];
  /** False pools all categories into one (id -1). */
  readonly useCats?: boolean;
}

/** `params` with its defaults filled in. */
export interface ResolvedCocoParams {
  readonly imageIds: readonly ImageId[];
  readonly categoryIds: readonly number[];
  readonly iouThrs: readonly number[];
  readonly recThrs: readonly number[];
  readonly maxDets: readonly number[];
  readonly useCats: boolean;
}

/** Bounds of COCO's areas (all, small, medium, large) in px^2, both inclusive. Source: pycocotools 2.0 `Params`. */
export const AREA_RANGES: readonly (readonly [number, number])[] = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
];

/**
 * Evenly spaced numbers, computed as NumPy does (the thresholds must be equal to the last bit, because
 * AP50 and AP75 select them by equality).
 * @param count at least 2
 */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

/** Fill in COCOeval's defaults. Ids are sorted and unique, as `numpy.unique` leaves them. */
export function resolveCocoParams(gt: CocoGroundTruth, params: CocoEvalParams): ResolvedCocoParams {
  return {
    imageIds: uniqueSorted(params.imageIds ?? gt.images.map((image) => image.id)),
    categoryIds: uniqueSorted(params.categoryIds ?? gt.categories.map((category) => category.id)),
    iouThrs: params.iouThrs ?? linspace(0.5, 0.95, 10),
    recThrs: params.recThrs ?? linspace(0, 1, 101),
    maxDets: [...(params.maxDets ?? [1, 10, 100])].sort((a, b) => a - b),
    useCats: params.useCats ?? true,
  };
}

function uniqueSorted<T extends ImageId>(ids: readonly T[]): T[] {
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
