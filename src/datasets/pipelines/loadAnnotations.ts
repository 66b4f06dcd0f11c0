import { ConfigError } from '../../errors/trainerError.ts';
import { PIPELINES } from '../../registry/registries.ts';
import { refuseUnsupported } from '../checkArgs.ts';
import type { Results, Transform } from './results.ts';

interface LoadAnnotationsArgs {
  withBbox?: boolean;
  withLabel?: boolean;
  withMask?: boolean;
  withSeg?: boolean;
  denormBbox?: boolean;
}

/**
 * Copies the boxes and labels of `ann_info` into the results: gt_bboxes, gt_bboxes_ignore, gt_labels.
 * Source: mmdet 2.28.2 `LoadAnnotations`. Differs: no masks, no semantic maps.
 */
export class LoadAnnotations implements Transform {
  static readonly args = {
    optional: [
      'with_bbox',
      'with_label',
      'with_mask',
      'with_seg',
      'poly2mask',
      'denorm_bbox',
      'file_client_args',
    ],
  };
  readonly #withBbox: boolean;
  readonly #withLabel: boolean;
  readonly #denormBbox: boolean;

  constructor({
    withBbox = true,
    withLabel = true,
    withMask,
    withSeg,
    denormBbox = false,
  }: LoadAnnotationsArgs) {
    refuseUnsupported('with_mask', withMask, [false]);
    refuseUnsupported('with_seg', withSeg, [false]);
    this.#withBbox = withBbox;
    this.#withLabel = withLabel;
    this.#denormBbox = denormBbox;
  }

  async call(results: Results): Promise<Results> {
    const { ann_info, img_info } = results;
    if (!ann_info) {
      throw new ConfigError('LoadAnnotations needs annotations, but the dataset gave none', {
        code: 'no-annotations',
        hint: 'a dataset in test_mode has none; leave LoadAnnotations out of the test pipeline',
      });
    }
    if (this.#withBbox) {
      results.gt_bboxes = ann_info.bboxes.slice();
      if (this.#denormBbox) {
        const { width, height } = img_info;
        results.gt_bboxes = results.gt_bboxes.map((v, i) => v * (i % 2 === 0 ? width : height));
      }
      results.gt_bboxes_ignore = ann_info.bboxes_ignore.slice();
      results.bbox_fields.push('gt_bboxes_ignore', 'gt_bboxes');
    }
    if (this.#withLabel) results.gt_labels = ann_info.labels.slice();
    return results;
  }
}

PIPELINES.registerModule()(LoadAnnotations);
