// The names under which tabtrain itself is imported: its own and those of the tutorials, in `custom_imports` and in a
// person's own modules.

/** All are the same module. */
export const OWN_MODULES: readonly string[] = [
  'tabtrain',
  'mmcv',
  'mmcv.cnn',
  'mmcv.runner',
  'mmcv.runner.hooks',
  'mmcv.runner.optimizer',
  'mmcv.runner.optimizer.builder',
  'mmcv.utils',
  'mmdet',
  'mmdet.apis',
  'mmdet.core',
  'mmdet.core.optimizer.registry',
  'mmdet.core.utils',
  'mmdet.datasets',
  'mmdet.datasets.builder',
  'mmdet.datasets.pipelines',
  'mmdet.models',
  'mmdet.models.builder',
  'mmdet.utils',
  'torch',
  'torch.nn',
  'torch.optim',
];

/** What an import in TypeScript may say: `mmcv.runner` and `mmcv/runner` are the same. */
export const OWN_SPECIFIERS: readonly string[] = [
  ...new Set(OWN_MODULES.flatMap((name) => [name, name.replaceAll('.', '/')])),
];
