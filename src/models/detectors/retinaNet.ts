// RetinaNet. Source: Lin et al., "Focal Loss for Dense Object Detection", 2017; mmdet 2.28.2 `models/detectors/retinanet.py`.

import { MODELS } from '../../registry/index.ts';
import { SingleStageDetector } from './singleStageDetector.ts';

export class RetinaNet extends SingleStageDetector {
  override readonly className = 'RetinaNet';
}

MODELS.registerModule()(RetinaNet);
