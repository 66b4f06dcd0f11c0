// ATSS. Source: Zhang et al., 2020; mmdet 2.28.2 `models/detectors/atss.py`.

import { MODELS } from '../../registry/index.ts';
import { SingleStageDetector } from './singleStageDetector.ts';

export class ATSS extends SingleStageDetector {
  override readonly className = 'ATSS';
}

MODELS.registerModule()(ATSS);
