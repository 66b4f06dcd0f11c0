import { isDict, isFloatEntry, plainTruth } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { floatRepr } from '../lang/repr.ts';
import { copySources } from '../lang/sourceMap.ts';

/**
 * Scale `optimizer.lr` from the batch size it was written for to the one that is used: lr * batch / base_batch_size.
 * @param dict the resolved config; borrowed
 * @param batchSize pictures in one training step, on one device
 * @param log gets MMDetection's lines
 * @param isAsked switches a complete `auto_scale_lr` on, as MMDetection's `--auto-scale-lr`
 * @returns the config itself, or a copy with another `optimizer`
 * Source: mmdet 2.28.2 `apis/train.py` auto_scale_lr.
 */
export function autoScaleLr<T extends Readonly<Record<string, unknown>>>(
  dict: T,
  batchSize: number,
  log: (line: string) => void,
  isAsked = false,
): T {
  const { auto_scale_lr: cfg, optimizer } = dict;
  const isComplete = isDict(cfg) && 'enable' in cfg && 'base_batch_size' in cfg;
  if (isAsked && !isComplete)
    log(
      'Can not find "auto_scale_lr" or "auto_scale_lr.enable" or "auto_scale_lr.base_batch_size" in your configuration file.',
    );
  if (!isDict(cfg) || !(plainTruth(cfg.enable) || (isAsked && isComplete))) {
    log('Automatic scaling of learning rate (LR) has been disabled.');
    return dict;
  }
  const { base_batch_size: base } = cfg;
  if (typeof base !== 'number' || !isDict(optimizer) || typeof optimizer.lr !== 'number') return dict;
  const { lr } = optimizer;
  const written = plainRepr(lr, isFloatEntry(optimizer, 'lr'));
  log(`Training with 1 GPU(s) with ${batchSize} samples per GPU. The total batch size is ${batchSize}.`);
  if (batchSize === base) {
    log(`The batch size match the base batch size: ${base}, will not scaling the LR (${written}).`);
    return dict;
  }
  const scaled = (batchSize / base) * lr;
  log(`LR has been automatically scaled from ${written} to ${floatRepr(scaled)}`);
  const copy = { ...optimizer, lr: scaled };
  copySources(optimizer, copy);
  const changed = { ...dict, optimizer: copy };
  copySources(dict, changed);
  return changed;
}
