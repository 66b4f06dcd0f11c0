// The names of the metrics that an evaluation gives, known before there is anything to evaluate.

import { cocoMetricNames } from './cocoDatasetEvaluate.ts';
import { vocMetricNames } from './vocDatasetEvaluate.ts';

export interface EvaluationRequest {
  readonly metrics: readonly string[];
  readonly classwise: boolean;
  readonly proposalNums: readonly number[];
  readonly iouThrs: readonly number[];
  readonly metricItems: readonly string[] | null;
  /** In class order. */
  readonly classNames: readonly string[];
}

/**
 * Name an evaluation's metrics in the order of its report. Texts (`bbox_mAP_copypaste`) are not among them.
 * @example metricNamesOf({ metrics: ['bbox'], metricItems: ['mAP'], … }) // ['bbox_mAP']
 */
export function metricNamesOf(request: EvaluationRequest): string[] {
  const [first = ''] = request.metrics;
  return request.metrics.length === 1 && ['mAP', 'recall'].includes(first)
    ? vocMetricNames(first, request)
    : cocoMetricNames(request);
}
