// NanoDet. Source: github.com/RangiLyu/nanodet 0.x `model/arch/one_stage_detector.py`: its names of the parts, so that its
// checkpoints load.

import { MODELS } from '../../registry/index.ts';
import { SingleStageDetector } from './singleStageDetector.ts';

/** Configured as MMDetection's detectors: backbone, neck, bbox_head. */
export class NanoDet extends SingleStageDetector {
  override readonly className = 'NanoDet';

  protected override get partNames(): { readonly neck: string; readonly head: string } {
    return { neck: 'fpn', head: 'head' };
  }
}

MODELS.registerModule()(NanoDet);
