import { ConfigError } from '../../errors/trainerError.ts';
import type { ImageArray, Results } from './results.ts';

/** The picture in the results. @throws ConfigError `no-image` when no loading step came before */
export function pictureOf(results: Results, step: string): ImageArray {
  if (results.img) return results.img;
  throw new ConfigError(`${step} needs a picture, but no step before it loaded one`, {
    code: 'no-image',
    hint: "begin the pipeline with dict(type='LoadImageFromFile')",
  });
}

/** The box arrays named in `bbox_fields`, each replaced by what `change` returns. */
export function changeBoxes(results: Results, change: (boxes: Float32Array) => Float32Array): void {
  for (const field of results.bbox_fields) {
    const boxes = results[field];
    if (boxes instanceof Float32Array) results[field] = change(boxes);
  }
}

/** The labels that belong to a field of boxes; undefined where it has none. */
export function labelsOf(
  results: Results,
  field: string,
): { readonly key: string; readonly values: Int32Array } | undefined {
  const key = field.replace('bboxes', 'labels');
  const values = results[key];
  return values instanceof Int32Array ? { key, values } : undefined;
}
