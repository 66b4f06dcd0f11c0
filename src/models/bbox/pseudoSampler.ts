// Sampling that keeps every anchor. Source: mmdet 2.28.2 `core/bbox/samplers/pseudo_sampler.py`.

import { BBOX_SAMPLERS, declareArgs } from '../../registry/index.ts';
import type { AssignResult } from './maxIoUAssigner.ts';
import { i32At } from '../../util/at.ts';

export interface SamplingResult {
  /** Indices of the anchors with a ground truth, ascending. */
  readonly posInds: Int32Array;
  /** Indices of the background anchors, ascending. */
  readonly negInds: Int32Array;
  /** For each of `posInds`, the index of its ground truth. */
  readonly posAssignedGtInds: Int32Array;
}

export interface Sampler {
  sample(assigned: AssignResult): SamplingResult;
}

export class PseudoSampler implements Sampler {
  // MMDetection's takes and ignores anything, so that a sampler's config can be switched by its type alone.
  static readonly args = declareArgs({}, { rest: true });

  sample({ gtInds }: AssignResult): SamplingResult {
    const pos: number[] = [];
    const neg: number[] = [];
    gtInds.forEach((g, i) => {
      if (g > 0) pos.push(i);
      else if (g === 0) neg.push(i);
    });
    return {
      posInds: Int32Array.from(pos),
      negInds: Int32Array.from(neg),
      posAssignedGtInds: Int32Array.from(pos, (i) => i32At(gtInds, i) - 1),
    };
  }
}

BBOX_SAMPLERS.registerModule()(PseudoSampler);
