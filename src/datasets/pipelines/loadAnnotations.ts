import { ConfigError } from '../../errors/trainerError.ts';
import {
  absent,
  anything,
  declareArgs,
  flag,
  optional,
  PIPELINES,
  unsupported,
  withDefaults,
  type ArgsOf,
} from '../../registry/index.ts';
import type { Results, Transform } from './results.ts';

const LOAD_ARGS = declareArgs({
  with_bbox: optional(flag, true, 'Whether boxes are taken.'),
  with_label: optional(flag, true, 'Whether labels are taken.'),
  with_mask: absent(unsupported(false), 'Whether masks are taken: there are none here.'),
  with_seg: absent(unsupported(false), 'Whether semantic maps are taken: there are none here.'),
  poly2mask: absent(flag, 'Changes nothing without masks.'),
  denorm_bbox: optional(flag, false, "Whether boxes are shares of the picture's sides."),
  file_client_args: absent(anything, 'Changes nothing: files are those of the workspace.'),
});

/**
 * Copies the boxes and labels of `ann_info` into the results: gt_bboxes, gt_bboxes_ignore, gt_labels.
 * Source: mmdet 2.28.2 `LoadAnnotations`. Differs: no masks, no semantic maps.
 */
export class LoadAnnotations implements Transform {
  static readonly args = LOAD_ARGS;
  readonly #withBbox: boolean;
  readonly #withLabel: boolean;
  readonly #denormBbox: boolean;

  constructor(args: ArgsOf<typeof LOAD_ARGS>) {
    const { withBbox, withLabel, denormBbox } = withDefaults(LOAD_ARGS, args);
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
