// `train_cfg` and `test_cfg`, which detectors pick what they know out of; MMDetection is silent about the rest.

import { isDict } from '../../lang/plain.ts';
import { TRAIN_CFG_ARGS } from '../../models/denseHeads/anchorHead.ts';
import { TEST_CFG_ARGS } from '../../models/denseHeads/postProcess.ts';
import {
  absent,
  declareArgs,
  dictOf,
  oneOrMore,
  orNone,
  type ArgTable,
  type Kind,
} from '../../registry/args/index.ts';

/** What other heads of MMDetection read: no slips. */
const OTHER_TEST_KEYS = [
  'min_bbox_size', 'max_per_image', 'top_k', 'with_nms', 'conf_thr', 'score_factors', 'local_maximum_kernel', 'topk', 'filter_thr',
  'mask_thr_binary', 'mask_thr', 'nms_post', 'max_num', 'nms_thr', 'nms_across_levels', 'use_rcnn_score', 'iou_thr', 'num_per_class',
  'mask_size', 'update_thr', 'center_topk',
]; // prettier-ignore
const OTHER_TRAIN_KEYS = [
  'smoothl1_beta', 'neg_pos_ratio', 'nms_pre', 'max_per_img', 'nms', 'min_bbox_size', 'mask_size', 'initial_epoch', 'initial_assigner',
  'alpha', 'beta', 'gamma', 'nms_post', 'max_num', 'nms_thr', 'nms_across_levels', 'center_ratio', 'ignore_ratio', 'dynamic_rcnn',
  'mask_thr_binary', 'init', 'refine', 'num_points', 'point_pos_num', 'point_neg_num', 'cls_weight', 'gaussian_iou', 'pos_iou_thr',
  'neg_iou_thr', 'score_thr',
]; // prettier-ignore

type AnyDict = Readonly<Record<string, unknown>>;

/** Two-stage detectors have one such dict for each part; Cascade R-CNN's stages are a list. */
function cfgKind(own: ArgTable, known: readonly string[]): Kind<AnyDict> {
  const options = { unread: 'slips', known } as const;
  const part = dictOf(declareArgs(own, options));
  const parts = {
    rpn: absent(orNone(part), 'Of the region proposals of a two-stage detector.'),
    rpn_proposal: absent(orNone(part), 'How the proposals of a two-stage detector are picked.'),
    rcnn: absent(orNone(oneOrMore(part)), 'Of the second stage of a two-stage detector.'),
  };
  return withoutLoops(dictOf(declareArgs({ ...own, ...parts }, options)));
}

/** MMDetection 3.x names the loops of a run so: told as such. */
function withoutLoops(kind: Kind<AnyDict>): Kind<AnyDict> {
  const { fault, faults, ...rest } = kind;
  const isLoop = (value: unknown): boolean => isDict(value) && typeof value.type === 'string';
  return {
    ...rest,
    fault: (value) => (isLoop(value) ? null : fault(value)),
    faults: (value) => (isLoop(value) ? [] : (faults?.(value) ?? [])),
  };
}

export const TRAIN_CFG = cfgKind(TRAIN_CFG_ARGS.table, OTHER_TRAIN_KEYS);
export const TEST_CFG = cfgKind(TEST_CFG_ARGS.table, OTHER_TEST_KEYS);
