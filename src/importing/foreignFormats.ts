// Annotation formats that are not read: named, so that a person knows what to export instead.

import { isRecord } from '../util/isRecord.ts';

const EXPORT_HINT = 'export it as COCO json, Pascal VOC xml or YOLO txt, and import that';

/** What to do about a file of another format. */
export const exportHint = (format: string): string => `this is ${format}: ${EXPORT_HINT}`;

const BY_NAME: readonly (readonly [RegExp, string])[] = [
  [/\.vott$/i, 'VoTT'],
  [/\.tfrecords?$/i, 'TFRecord'],
  [/(?:^|\/)gt\/gt\.txt$/i, 'MOT'],
  [/(?:^|\/)wider_face[^/]*\.(?:txt|mat)$/i, 'WIDER FACE'],
  [/(?:^|\/)label_2\/[^/]+\.txt$/i, 'KITTI'],
  [/(?:^|\/)label_?txt[^/]*\/[^/]+\.txt$/i, 'DOTA'],
  [/\.csv$/i, 'CSV'],
  [/\.parquet$/i, 'Parquet'],
];

/** The format of a file by its name, where that says it. */
export function foreignByName(path: string): string | undefined {
  return BY_NAME.find(([pattern]) => pattern.test(path))?.[1];
}

/**
 * The tool or format that a JSON value comes from, by its keys.
 * @param root the document's own keys, or for a list those of its first item
 */
export function foreignJson(root: unknown): string | undefined {
  const first: unknown = Array.isArray(root) ? root[0] : root;
  if (!isRecord(first)) return undefined;
  const has = (...keys: string[]): boolean => keys.every((key) => key in first);
  if (Array.isArray(root)) {
    if (has('name', 'labels')) return 'BDD100K';
    if (has('image', 'annotations')) return 'Create ML';
    if (has('image', 'label') || has('data', 'annotations')) return 'Label Studio';
    return undefined;
  }
  if (has('shapes')) return 'labelme';
  if (has('assets') || has('asset', 'regions') || has('visitedAssetId')) return 'VoTT';
  if (has('objects', 'size') || has('classes', 'tags')) return 'Supervisely';
  if (has('items', 'categories')) return 'Datumaro';
  if (has('name', 'frames') || has('name', 'labels')) return 'BDD100K';
  if (has('_via_img_metadata')) return 'VGG Image Annotator';
  const values = Object.values(first);
  const isVia = values.length > 0 && values.every((value) => isRecord(value) && 'regions' in value);
  return isVia ? 'VGG Image Annotator' : undefined;
}
