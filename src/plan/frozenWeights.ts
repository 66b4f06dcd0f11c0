// Parts of a backbone that are frozen at random weights: MMDetection trains on them without a word.

import type { Problem } from '../contracts/problem.ts';
import { isDict } from '../lang/plain.ts';
import { sourceOf } from '../lang/sourceMap.ts';

/**
 * Tell of `frozen_stages` of a backbone whose weights come from nowhere.
 * @param hasWeights the whole model's come from a checkpoint
 */
export function frozenProblems(dict: Readonly<Record<string, unknown>>, hasWeights: boolean): Problem[] {
  const { model } = dict;
  if (hasWeights || !isDict(model) || !isDict(model.backbone)) return [];
  const { backbone } = model;
  const { frozen_stages: frozen } = backbone;
  if (typeof frozen !== 'number' || frozen < 0) return [];
  if ([backbone.pretrained, model.pretrained].some((path) => typeof path === 'string')) return [];
  if ([backbone.init_cfg, model.init_cfg].flat().some((cfg) => isDict(cfg) && cfg.type === 'Pretrained'))
    return [];
  return [
    {
      severity: 'error',
      code: 'frozen-random-weights',
      message: `frozen stages must have weights to keep, but frozen_stages=${frozen} and the backbone starts from random ones`,
      path: 'model.backbone.frozen_stages',
      span: sourceOf(backbone, 'frozen_stages')?.span,
      hint: "give it weights, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18') or load_from, or write frozen_stages=-1",
    },
  ];
}
