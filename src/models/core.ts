// What every run may need at once, the default config's detector among it. Everything else is in catalog.ts.

import './backbones/resnet.ts';
import './bbox/anchorGenerator.ts';
import './bbox/deltaXYWHBBoxCoder.ts';
import './bbox/iou.ts';
import './bbox/maxIoUAssigner.ts';
import './bbox/pseudoSampler.ts';
import './denseHeads/retinaHead.ts';
import './detectors/retinaNet.ts';
import './losses/crossEntropyLoss.ts';
import './losses/focalLoss.ts';
import './losses/iouLosses.ts';
import './losses/smoothL1Loss.ts';
import './necks/fpn.ts';
