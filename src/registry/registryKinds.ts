// The kinds of registered classes.

/** Registry key -> the name MMCV prints for it. MMDetection's BACKBONES, NECKS, HEADS, LOSSES and DETECTORS all are MODELS. */
export const REGISTRY_NAMES = {
  MODELS: 'models',
  DATASETS: 'dataset',
  PIPELINES: 'pipeline',
  SAMPLERS: 'sampler',
  OPTIMIZERS: 'optimizer',
  OPTIMIZER_BUILDERS: 'optimizer builder',
  HOOKS: 'hook',
  RUNNERS: 'runner',
  PRIOR_GENERATORS: 'Generator for anchors and points',
  BBOX_ASSIGNERS: 'bbox_assigner',
  BBOX_SAMPLERS: 'bbox_sampler',
  BBOX_CODERS: 'bbox_coder',
  IOU_CALCULATORS: 'IoU calculator',
} as const;

export type RegistryKind = keyof typeof REGISTRY_NAMES;

/** What a class of the MODELS registry is: it says so in `static part`, and so do those that extend it. */
export type ModelPart = 'detector' | 'backbone' | 'neck' | 'head' | 'loss';
