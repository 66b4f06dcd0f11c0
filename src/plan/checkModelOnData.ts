// Whether a model suits the data it is to be trained on.

import type { Problem } from '../contracts/problem.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { isDict, plainTruth } from '../lang/plain.ts';
import { AnchorHead } from '../models/denseHeads/anchorHead.ts';
import type { Detector } from '../models/index.ts';
import { numClassProblems } from '../runner/hooks/numClassCheck.ts';
import { findTrainPipeline } from './buildDataset.ts';
import { anchorReach, checkAnchors } from './checkAnchors.ts';
import { checkNumClasses } from './checkNumClasses.ts';
import { dataOf } from './loaders.ts';

/** Pictures whose boxes are looked at, spread evenly over the data set. */
const MAX_PICTURES = 4000;
/** Steps behind which a box is as large as Resize has made it. */
const KEEPING_SIZE: readonly unknown[] = [
  'LoadImageFromFile',
  'LoadAnnotations',
  'Resize',
  'RandomFlip',
  'PhotoMetricDistortion',
  'Normalize',
  'Pad',
  'DefaultFormatBundle',
  'Collect',
];

/**
 * Compare the classes of a model's heads, and the sizes of its anchors, with the training set.
 * @param model null where it couldn't be built: the config's num_classes are compared then
 */
export function checkModelOnData(
  dict: Readonly<Record<string, unknown>>,
  model: Detector | null,
  trainSet: Dataset,
): Problem[] {
  const classes = trainSet.CLASSES;
  if (!model) return checkNumClasses(dict.model, classes);
  return [
    ...numClassProblems(model, classes, 'data.train.classes'),
    ...anchorProblems(dict, model, trainSet),
  ];
}

function anchorProblems(
  dict: Readonly<Record<string, unknown>>,
  model: Detector,
  trainSet: Dataset,
): Problem[] {
  const posIouThr = posIouThrOf(dict);
  const sizeAfter = resizeOf(findTrainPipeline(dataOf(dict)));
  if (posIouThr === null || !sizeAfter) return [];
  for (const [name, module] of model.namedModules()) {
    if (!(module instanceof AnchorHead)) continue;
    const share = anchorReach(resizedBoxes(trainSet, sizeAfter), module.generator, posIouThr);
    return checkAnchors(share, posIouThr, `model.${name}.anchor_generator`);
  }
  return [];
}

/** From which IoU an anchor is positive; null where another assigner decides. */
function posIouThrOf({ model, train_cfg: outer }: Readonly<Record<string, unknown>>): number | null {
  const cfg = (isDict(model) ? model.train_cfg : null) ?? outer;
  const assigner = isDict(cfg) ? cfg.assigner : null;
  if (!isDict(assigner) || assigner.type !== 'MaxIoUAssigner') return null;
  return typeof assigner.pos_iou_thr === 'number' ? assigner.pos_iou_thr : null;
}

type SizeAfter = (width: number, height: number) => readonly [number, number];

/** What a pipeline makes of a picture's size; of several sizes the largest. Null where that can't be told. */
function resizeOf(pipeline: unknown): SizeAfter | null {
  if (!Array.isArray(pipeline)) return null;
  const steps: unknown[] = pipeline;
  if (!steps.every((step) => isDict(step) && KEEPING_SIZE.includes(step.type))) return null;
  const resize = steps.find((step) => isDict(step) && step.type === 'Resize');
  if (!isDict(resize)) return (width, height) => [width, height];
  const { img_scale: scale, keep_ratio: keepRatio = true, ratio_range: ratioRange } = resize;
  const sizes = (Array.isArray(scale) && Array.isArray(scale[0]) ? scale : [scale]) as unknown[];
  const pairs = sizes.filter(
    (size): size is [number, number] => Array.isArray(size) && size.every((edge) => typeof edge === 'number'),
  );
  const [largest] = pairs.toSorted((a, b) => b[0] * b[1] - a[0] * a[1]);
  if (!largest) return null;
  const factor = Array.isArray(ratioRange) ? Number(ratioRange[1]) : 1;
  const [w, h] = [largest[0] * factor, largest[1] * factor];
  if (!plainTruth(keepRatio)) return () => [w, h];
  return (width, height) => {
    const by = Math.min(Math.max(w, h) / Math.max(width, height), Math.min(w, h) / Math.min(width, height));
    return [width * by, height * by];
  };
}

/** [N, 4], xyxy, px of the resized pictures. */
function resizedBoxes(dataset: Dataset, sizeAfter: SizeAfter): Float64Array {
  const step = Math.max(1, Math.ceil(dataset.length / MAX_PICTURES));
  const boxes: number[] = [];
  for (let i = 0; i < dataset.length; i += step) {
    const { width, height } = dataset.getImgInfo(i);
    const [newWidth, newHeight] = sizeAfter(width, height);
    for (const [at, edge] of dataset.getAnnInfo(i).bboxes.entries())
      boxes.push(at % 2 === 0 ? (edge * newWidth) / width : (edge * newHeight) / height);
  }
  return Float64Array.from(boxes);
}
