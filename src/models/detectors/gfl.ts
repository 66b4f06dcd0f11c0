// GFL. Source: Li et al., "Generalized Focal Loss", 2020; mmdet 2.28.2 `models/detectors/gfl.py`.

import { MODELS } from '../../registry/index.ts';
import { SingleStageDetector } from './singleStageDetector.ts';

export class GFL extends SingleStageDetector {
  override readonly className = 'GFL';
}

MODELS.registerModule()(GFL);
