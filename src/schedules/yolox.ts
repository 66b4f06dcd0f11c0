import { annealingCos } from './annealing.ts';
import { fromCurve, type Policy } from './policy.ts';
import type { ScheduleArgs } from './scheduleArgs.ts';
import { readTarget } from './target.ts';

/**
 * `YOLOX(num_last_epochs, min_lr | min_lr_ratio)`: a cosine from the end of the warm-up to the last epochs, which
 * keep the target; progress counts from 1. The warm-up is the square base * ratio * ((i + 1) / W)^2.
 * With `by_epoch` the warm-up and the last epochs are still counted in iterations, as in MMDetection.
 * Source: mmdet 2.28.2 `YOLOXLrUpdaterHook`.
 */
export function yoloxPolicy(args: ScheduleArgs): Policy {
  const lastEpochs = args.number('num_last_epochs');
  const target = readTarget(args);
  const policy = fromCurve((base, { progress, maxProgress, itersPerEpoch, warmupIters }) => {
    const last = itersPerEpoch * lastEpochs;
    const done = progress + 1;
    if (done >= maxProgress - last) return target(base);
    return annealingCos(base, target(base), (done - warmupIters) / (maxProgress - warmupIters - last));
  });
  return { ...policy, squareWarmup: true };
}
