// The names under which tabtrain itself is imported: its own and those of the tutorials, in `custom_imports` and in a
// person's own modules.

/** All are the same module. */
export const OWN_MODULES: readonly string[] = [
  'tabtrain',
  'mmcv',
  'mmcv.cnn',
  'mmcv.runner',
  'mmcv.runner.builder',
  'mmcv.runner.hooks',
  'mmcv.runner.hooks.hook',
  'mmcv.runner.hooks.lr_updater',
  'mmcv.runner.hooks.momentum_updater',
  'mmcv.runner.hooks.optimizer',
  'mmcv.runner.optimizer',
  'mmcv.runner.optimizer.builder',
  'mmcv.runner.optimizer.default_constructor',
  'mmcv.utils',
  'mmcv.utils.registry',
  'mmdet',
  'mmdet.apis',
  'mmdet.core',
  'mmdet.core.hook',
  'mmdet.core.optimizer',
  'mmdet.core.optimizer.builder',
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
  'torch.optim.optimizer',
];

/** What an import in TypeScript may say: `mmcv.runner` and `mmcv/runner` are the same. */
export const OWN_SPECIFIERS: readonly string[] = [
  ...new Set(OWN_MODULES.flatMap((name) => [name, name.replaceAll('.', '/')])),
];
