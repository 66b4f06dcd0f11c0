// FCOS. Source: Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019; mmdet 2.28.2 `models/detectors/fcos.py`.

import { MODELS } from '../../registry/index.ts';
import { SingleStageDetector } from './singleStageDetector.ts';

export class FCOS extends SingleStageDetector {
  override readonly className = 'FCOS';
}

MODELS.registerModule()(FCOS);
